// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.fault.Fault;
import io.dblock.fault.FaultRule;
import io.dblock.handler.RequestInfo;
import java.util.List;
import java.util.function.Predicate;

/** What of {@link io.dblock.fault.Faults} whoever applies the rules has to answer, perhaps in another process. */
public interface RuleSet {

    /** Arms a rule. */
    Fault add(FaultRule rule);

    /** Arms a rule for requests of which the predicate is true. */
    Fault add(FaultRule rule, Predicate<RequestInfo> predicate);

    /** Those that are armed. */
    List<Fault> list();

    /** All that were ever armed and are remembered. */
    List<Fault> history();

    /** Those that never acted on a request. */
    List<Fault> unused();

    /** Removes all. */
    void clear();

    /** What random choices come from. */
    long seed();

    /** Has them come from this. */
    void seed(long seed);
}

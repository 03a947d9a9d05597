// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.fault.Fault;
import io.dblock.fault.FaultRule;
import io.dblock.fault.Faults;
import io.dblock.handler.RequestInfo;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;

/** The rules of a device that is served in this process. */
public final class LiveFaults extends Faults implements RuleSet {
    private final FaultFilter filter;

    /** Creates the rules that {@code filter} applies. */
    public LiveFaults(FaultFilter filter) {
        this.filter = filter;
    }

    @Override
    public Fault add(FaultRule rule, Predicate<RequestInfo> predicate) {
        return fault(filter.add(rule, Objects.requireNonNull(predicate, "predicate")));
    }

    @Override
    public List<Fault> list() {
        return filter.rules().stream().map(this::fault).toList();
    }

    @Override
    public Optional<Fault> find(String name) {
        return list().stream().filter(fault -> fault.name().equals(name)).findFirst();
    }

    @Override
    public List<Fault> history() {
        return filter.history().stream().map(this::fault).toList();
    }

    @Override
    public List<Fault> unused() {
        return history().stream()
                .filter(fault -> fault.hits() == 0 && !fault.rule().lenient())
                .toList();
    }

    @Override
    public void clear() {
        filter.clear();
    }

    @Override
    public long seed() {
        return filter.seed();
    }

    @Override
    public void seed(long seed) {
        filter.seed(seed);
    }

    private Fault fault(FaultState state) {
        return new LiveFault(filter, state);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.fault.Fault;
import io.dblock.fault.FaultRule;
import io.dblock.fault.Faults;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.fault.RuleSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;

/** The fault rules of a device that the server process serves. */
final class RemoteFaults extends Faults {
    private final RuleSet rules;
    private volatile boolean added;

    RemoteFaults(RuleSet rules) {
        this.rules = rules;
    }

    /** Returns whether a rule was ever added, or may have been. */
    boolean everAdded() {
        return added;
    }

    @Override
    public Fault add(FaultRule rule) {
        added = true;
        return rules.add(Objects.requireNonNull(rule, "rule"));
    }

    @Override
    public Fault add(FaultRule rule, Predicate<RequestInfo> predicate) {
        added = true;
        return rules.add(Objects.requireNonNull(rule, "rule"), Objects.requireNonNull(predicate, "predicate"));
    }

    @Override
    public List<Fault> list() {
        return rules.list();
    }

    @Override
    public Optional<Fault> find(String name) {
        return list().stream().filter(fault -> fault.name().equals(name)).findFirst();
    }

    @Override
    public List<Fault> history() {
        return rules.history();
    }

    @Override
    public List<Fault> unused() {
        return rules.unused();
    }

    @Override
    public void clear() {
        rules.clear();
    }

    @Override
    public long seed() {
        return rules.seed();
    }

    @Override
    public void seed(long seed) {
        rules.seed(seed);
    }
}

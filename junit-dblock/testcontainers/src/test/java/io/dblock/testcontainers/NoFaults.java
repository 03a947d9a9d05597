// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import io.dblock.fault.Fault;
import io.dblock.fault.FaultRule;
import io.dblock.fault.Faults;
import io.dblock.handler.RequestInfo;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** The rules of a device that has none and takes none. */
final class NoFaults extends Faults {
    @Override
    public Fault add(FaultRule rule, Predicate<RequestInfo> predicate) {
        throw new UnsupportedOperationException("no test arms a rule");
    }

    @Override
    public List<Fault> list() {
        return List.of();
    }

    @Override
    public Optional<Fault> find(String name) {
        return Optional.empty();
    }

    @Override
    public List<Fault> history() {
        return List.of();
    }

    @Override
    public List<Fault> unused() {
        return List.of();
    }

    @Override
    public void clear() {}

    @Override
    public long seed() {
        return 1;
    }

    @Override
    public void seed(long seed) {}
}

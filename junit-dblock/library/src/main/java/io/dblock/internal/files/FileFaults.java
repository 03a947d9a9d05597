// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.files;

import io.dblock.fault.Fault;
import io.dblock.fault.FaultRule;
import io.dblock.fault.Faults;
import io.dblock.handler.RequestInfo;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** The rules of a device with a filesystem. Whether a request is on the file of a rule is decided in the test JVM. */
final class FileFaults extends Faults {
    private final DeviceFiles files;
    private final Faults rules;

    FileFaults(DeviceFiles files, Faults rules) {
        this.files = files;
        this.rules = rules;
    }

    @Override
    public Fault add(FaultRule rule) {
        Optional<Predicate<RequestInfo>> inFile = rule.match().file().map(files::onFile);
        return inFile.isPresent() ? rules.add(rule, inFile.get()) : rules.add(rule);
    }

    @Override
    public Fault add(FaultRule rule, Predicate<RequestInfo> predicate) {
        Optional<Predicate<RequestInfo>> inFile = rule.match().file().map(files::onFile);
        return rules.add(rule, inFile.isPresent() ? inFile.get().and(predicate) : predicate);
    }

    @Override
    public List<Fault> list() {
        return rules.list();
    }

    @Override
    public Optional<Fault> find(String name) {
        return rules.find(name);
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

// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.fault.Fault;
import io.dblock.fault.FaultRule;
import io.dblock.fault.Faults;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.remote.ServerCommands.FaultView;
import io.dblock.internal.remote.ServerCommands.Remains;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Predicate;

/** The rules of a device of the server process. */
final class RemoteFaults extends Faults {
    private final RemoteDevice device;
    /** Numbers of the predicates that the server may ask. */
    private final Queue<Long> predicates = new ConcurrentLinkedQueue<>();

    RemoteFaults(RemoteDevice device) {
        this.device = device;
    }

    @Override
    public Fault add(FaultRule rule) {
        return fault(device.commands().addFault(device.number(), Objects.requireNonNull(rule, "rule"), 0));
    }

    /** The predicate is asked in this JVM. */
    @Override
    public Fault add(FaultRule rule, Predicate<RequestInfo> predicate) {
        TestCommandHandler test = device.server().test();
        long number = test.add(Objects.requireNonNull(predicate, "predicate"));
        boolean done = false;
        try {
            Fault fault = fault(device.commands().addFault(device.number(), rule, number));
            predicates.add(number);
            done = true;
            return fault;
        } finally {
            if (!done) {
                test.removePredicate(number);
            }
        }
    }

    /** The device is gone. */
    void end() {
        predicates.forEach(device.server().test()::removePredicate);
    }

    @Override
    public List<Fault> list() {
        return faults(device.ask(Remains::armed, server -> server.faults(device.number())));
    }

    @Override
    public Optional<Fault> find(String name) {
        return list().stream().filter(fault -> fault.name().equals(name)).findFirst();
    }

    @Override
    public List<Fault> history() {
        return faults(views());
    }

    private List<FaultView> views() {
        return device.ask(Remains::history, server -> server.faultHistory(device.number()));
    }

    @Override
    public List<Fault> unused() {
        return faults(views().stream()
                .filter(view -> view.hits() == 0 && !view.rule().lenient())
                .toList());
    }

    private List<Fault> faults(List<FaultView> views) {
        return views.stream().map(this::fault).toList();
    }

    private Fault fault(FaultView view) {
        return new RemoteFault(device, view);
    }

    @Override
    public void clear() {
        // A device that is closed has none.
        if (device.remains().isEmpty()) {
            device.commands().clearFaults(device.number());
        }
    }

    @Override
    public long seed() {
        return device.ask(Remains::seed, server -> server.seed(device.number()));
    }

    @Override
    public void seed(long seed) {
        device.commands().reseed(device.number(), seed);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.fault.Fault;
import io.dblock.fault.FaultRule;
import io.dblock.fault.HeldRequest;
import io.dblock.handler.Errno;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.kernel.Command;
import io.dblock.internal.remote.ServerCommands.FaultView;
import io.dblock.internal.remote.ServerCommands.HeldView;
import java.time.Duration;
import java.util.List;

/** The test's hand on a rule of a device of the server process. Equal to any other on the same one. */
final class RemoteFault implements Fault {
    private final RemoteDevice device;
    private final long number;
    private volatile FaultView last;

    RemoteFault(RemoteDevice device, FaultView view) {
        this.device = device;
        number = view.fault();
        last = view;
    }

    private FaultView view() {
        FaultView now = device.ask(
                remains -> remains.history().stream()
                        .filter(view -> view.fault() == number)
                        .findFirst()
                        .orElse(last),
                server -> server.fault(device.number(), number));
        last = now;
        return now;
    }

    @Override
    public String name() {
        return last.rule().name();
    }

    @Override
    public FaultRule rule() {
        return view().rule();
    }

    @Override
    public boolean isArmed() {
        return view().armed();
    }

    @Override
    public long hits() {
        return view().hits();
    }

    @Override
    public void awaitHits(long count, Duration timeout) throws InterruptedException {
        device.server().commands(timeout.plus(Command.timeout())).awaitHits(device.number(), number, count, timeout);
    }

    @Override
    public List<HeldRequest> held() {
        return device.ask(remains -> List.<HeldRequest>of(), server -> server.held(device.number(), number).stream()
                .<HeldRequest>map(Held::new)
                .toList());
    }

    @Override
    public void release() {
        device.commands().releaseFault(device.number(), number);
    }

    @Override
    public void replace(FaultRule rule) {
        device.commands().replaceFault(device.number(), number, rule);
    }

    @Override
    public void close() {
        // With its device every rule has gone.
        if (device.remains().isEmpty()) {
            device.commands().removeFault(device.number(), number);
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof RemoteFault fault && fault.device == device && fault.number == number;
    }

    @Override
    public int hashCode() {
        return Long.hashCode(number);
    }

    @Override
    public String toString() {
        return view().text();
    }

    /** A held request. */
    private final class Held implements HeldRequest {
        private final HeldView view;

        Held(HeldView view) {
            this.view = view;
        }

        @Override
        public RequestInfo info() {
            return view.info();
        }

        @Override
        public Duration heldFor() {
            return device.commands().heldFor(device.number(), view.request());
        }

        @Override
        public void release() {
            device.commands().releaseHeld(device.number(), view.request());
        }

        @Override
        public void fail(Errno errno) {
            device.commands().failHeld(device.number(), view.request(), errno);
        }
    }
}

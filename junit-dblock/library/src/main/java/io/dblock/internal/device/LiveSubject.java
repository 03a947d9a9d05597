// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.fault.Fault;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.server.ServedDevice;
import io.dblock.internal.watchdog.JavaStacks;
import io.dblock.internal.watchdog.Watchdog;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** A device for the watchdog of the test JVM. */
final class LiveSubject implements Watchdog.Subject {
    private final ServedDevice served;
    private final Consumer<String> reports;

    LiveSubject(ServedDevice served, Consumer<String> reports) {
        this.served = served;
        this.reports = reports;
    }

    @Override
    public DeviceInfo info() {
        return served.info();
    }

    @Override
    public List<String> description() {
        List<String> lines = new ArrayList<>(served.answering().lines());
        lines.addAll(holding(served));
        return lines;
    }

    /** Returns the fault rules that hold requests, one line each. */
    static List<String> holding(ServedDevice served) {
        List<String> lines = new ArrayList<>();
        for (Fault fault : served.faults().list()) {
            int held = fault.held().size();
            if (held > 0) {
                lines.add("a fault rule holds " + held + " of its requests: " + fault.rule());
            }
        }
        return lines;
    }

    @Override
    public List<Watchdog.Party> parties() {
        ServedDevice.Answering answering = served.answering();
        return answering.outside()
                ? List.of(answering.jvm(), new Watchdog.Party("the test's JVM", ownPid(), JavaStacks::ofThisJvm))
                : List.of(answering.jvm());
    }

    private static long ownPid() {
        return ProcessHandle.current().pid();
    }

    @Override
    public void report(String text) {
        reports.accept(text);
    }

    /** Called only for a server process that waits for itself: this JVM could not find that out about itself. */
    @Override
    public void giveUp() {
        served.destroy(true);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.handler.Errno;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.watchdog.Watchdog;
import java.util.List;

/** A device that the test JVM serves, for the watchdog of the server process. */
final class TestJvmDevice implements Watchdog.Subject {
    private final int id;
    private final List<String> description;
    private final long testPid;
    private final TestCommands test;
    private final ControlSession control;

    TestJvmDevice(int id, List<String> description, long testPid, TestCommands test) {
        this.id = id;
        this.description = List.copyOf(description);
        this.testPid = testPid;
        this.test = test;
        control = ControlSession.open();
    }

    /** Closes the session once the device is gone: the module cannot be unloaded while a session is open. */
    @Override
    public DeviceInfo info() {
        try {
            return control.info(id);
        } catch (ControlException e) {
            control.close();
            throw e;
        }
    }

    @Override
    public List<String> description() {
        return description;
    }

    @Override
    public List<Watchdog.Party> parties() {
        return List.of(new Watchdog.Party("the test's JVM, which answers for the disk", testPid, test::stacks));
    }

    @Override
    public void report(String text) {
        test.watchReport(id, text);
    }

    @Override
    public void giveUp() {
        try (ControlSession own = ControlSession.open()) {
            own.destroy(id, true);
        } catch (ControlException e) {
            if (!e.is(Errno.ENODEV) && !e.is(Errno.EALREADY)) {
                throw e;
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.handler.Errno;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ControlSessionTest {
    private final FakeKernel kernel = new FakeKernel();

    static DeviceParameters parameters(String name) {
        return new DeviceParameters(
                name,
                1 << 20,
                512,
                4096,
                4096,
                8192,
                2,
                16,
                65536,
                1234,
                512,
                1 << 19,
                1 << 18,
                EnumSet.of(DeviceParameters.Flag.WRITE_CACHE, DeviceParameters.Flag.FUA));
    }

    @Test
    void tellsTheVersion() {
        try (ControlSession session = kernel.session()) {
            assertThat(session.version()).isEqualTo(new ModuleVersion(1, 15 | 3 << 11, "fake"));
        }
    }

    @Test
    void everyParameterArrivesInItsPlace() {
        try (ControlSession session = kernel.session()) {
            DeviceInfo info = session.create(parameters("dblock_a"));
            assertThat(info.parameters()).isEqualTo(parameters("dblock_a"));
            assertThat(info.state()).isEqualTo(DeviceInfo.State.CREATED);
            session.start(info.id());
            assertThat(session.info("dblock_a").state()).isEqualTo(DeviceInfo.State.LIVE);
            assertThat(session.info(info.id()).minor()).isEqualTo(info.id());
        }
    }

    @Test
    void listsMoreDevicesThanFitAtFirst() {
        try (ControlSession session = kernel.session()) {
            for (int i = 0; i < 70; i++) {
                session.create(parameters("dblock_" + i));
            }
            assertThat(session.list()).hasSize(70).extracting(DeviceInfo::name).contains("dblock_0", "dblock_69");
        }
    }

    @Test
    void aTakenNameIsReportedWithWhatToDo() {
        try (ControlSession session = kernel.session()) {
            session.create(parameters("dblock_a"));
            assertThatThrownBy(() -> session.create(parameters("dblock_a")))
                    .isInstanceOf(ControlException.class)
                    .hasMessageContaining("dblock_a")
                    .hasMessageContaining("create the device \"dblock_a\": EEXIST")
                    .hasMessageContaining("Choose another");
        }
    }

    @Test
    void aNameThatItsFormerDeviceStillHasIsReportedWithWhatToDo() {
        try (ControlSession session = kernel.holdingName("dblock_a", 1).session()) {
            assertThatThrownBy(() -> session.create(parameters("dblock_a")))
                    .isInstanceOfSatisfying(ControlException.class, e -> assertThat(e.is(Errno.EBUSY))
                            .isTrue())
                    .hasMessageContaining("still open or mounted")
                    .hasMessageContaining("grep dblock_a /proc/*/mountinfo");
        }
    }

    @Test
    void destroyingABusyDeviceIsRefusedUnlessForced() {
        try (ControlSession session = kernel.session()) {
            DeviceInfo info = session.create(parameters("dblock_a"));
            kernel.setOpeners("dblock_a", 1);
            assertThatThrownBy(() -> session.destroy("dblock_a", false))
                    .isInstanceOfSatisfying(ControlException.class, e -> assertThat(e.is(Errno.EBUSY))
                            .isTrue())
                    .hasMessageContaining("unmount it");
            session.destroy(info.id(), true);
            assertThat(session.list()).isEmpty();
            assertThatThrownBy(() -> session.info("dblock_a"))
                    .isInstanceOf(ControlException.class)
                    .hasMessageContaining("ENODEV")
                    .hasMessageContaining("list");
        }
    }

    @Test
    void aMissingModuleIsReportedWithWhatToDo() {
        assertThatThrownBy(kernel.refusingToOpen(Errno.ENOENT)::session)
                .isInstanceOf(ControlException.class)
                .hasMessageContaining("/dev/dblockctl")
                .hasMessageContaining("insmod");
    }

    @Test
    void aForbiddenNodeIsReportedWithWhatToDo() {
        assertThatThrownBy(kernel.refusingToOpen(Errno.EACCES)::session)
                .isInstanceOf(ControlException.class)
                .hasMessageContaining("Run as root");
    }

    @Test
    void aNameThatDoesNotFitIsRefusedBeforeTheKernelSeesIt() {
        try (ControlSession session = kernel.session()) {
            DeviceParameters tooLong = parameters("dblock-a-name-that-is-longer-than-it-may-be");
            assertThatThrownBy(() -> session.create(tooLong))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("at most 27");
        }
    }

    @Test
    void closesItsFileOnce() {
        ControlSession session = kernel.session();
        session.close();
        session.close();
        assertThat(kernel.openSessions()).isZero();
    }

    @Test
    void flagsAreCopied() {
        Set<DeviceParameters.Flag> flags = EnumSet.of(DeviceParameters.Flag.FUA);
        DeviceParameters made = new DeviceParameters("", 512, 512, 0, 0, 0, 1, 1, 4096, 0, 0, 0, 0, flags);
        flags.clear();
        assertThat(made.flags()).containsExactly(DeviceParameters.Flag.FUA);
    }
}

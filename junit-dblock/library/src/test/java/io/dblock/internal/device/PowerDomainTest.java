// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.dblock.BlockDevice;
import io.dblock.DblockException;
import io.dblock.DeviceSpec;
import io.dblock.PowerDomain;
import io.dblock.fault.Fault;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.server.FakeKernelServer;
import io.dblock.internal.server.FilterSpec;
import io.dblock.internal.server.StoreSpec;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests of devices of a {@link FakeKernel} on one power supply. They have no nodes. */
@Timeout(60)
class PowerDomainTest {
    private static final long SIZE = 1 << 20;

    private final FakeKernel kernel = new FakeKernel();
    private final List<LiveDevice> devices = new ArrayList<>();

    private final LiveDevice first = device("dblockunit1");
    private final LiveDevice second = device("dblockunit2");
    private final LiveDevice third = device("dblockunit3");

    private LiveDevice device(String name) {
        DeviceSpec spec = new DeviceBuilder().name(name).size(SIZE).queues(1).spec();
        LiveDevice device = new LiveDevice(
                new FakeKernelServer(kernel)
                        .create(
                                DeviceFactory.parameters(spec, EnumSet.allOf(Operation.class)),
                                new FilterSpec(1, true, 1 << 20, 1024),
                                new StoreSpec(SIZE, 512, Optional.empty(), Optional.empty())),
                spec,
                Optional.empty(),
                Offspring.of(name));
        device.served().start();
        devices.add(device);
        return device;
    }

    @AfterEach
    void closeAll() {
        devices.forEach(LiveDevice::close);
        assertThat(kernel.openSessions()).isZero();
    }

    private int write(LiveDevice device) throws Exception {
        return kernel.submit(device.name(), Batch.OP_WRITE, 0, 0, 512, new byte[512], 0)
                .get(20, TimeUnit.SECONDS)
                .result();
    }

    @Test
    void itsDevicesAreThoseThatAreOpen() {
        PowerDomain domain = PowerDomain.of(first, second);
        assertThat(domain.devices()).containsExactly(first, second);
        assertThat(first.powerDomain()).containsSame(domain);
        assertThat(second.powerDomain()).containsSame(domain);
        assertThat(third.powerDomain()).isEmpty();
        first.close();
        assertThat(domain.devices()).containsExactly(second);
    }

    @Test
    void aCutIsOfAll() throws Exception {
        PowerDomain domain = PowerDomain.of(first, second);
        write(first);
        write(second);
        Map<BlockDevice, CutReport> reports = domain.powerCut();
        assertThat(reports).containsOnlyKeys(first, second);
        assertThat(reports.values())
                .allSatisfy(report -> assertThat(report.lost()).hasSize(1));
        assertThat(first.powered()).isFalse();
        assertThat(second.powered()).isFalse();
        assertThat(third.powered()).isTrue();
        assertThatThrownBy(domain::powerCut)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("is off already");
    }

    @Test
    void theCutOfOneIsThatOfAll() {
        PowerDomain.of(first, second);
        second.powerCut();
        assertThat(first.powered()).isFalse();
    }

    @Test
    void aDeviceThatIsClosedLeavesTheOthersTheirSupply() throws Exception {
        PowerDomain domain = PowerDomain.of(first, second, third);
        first.close();
        write(second);
        Map<BlockDevice, CutReport> reports = domain.powerCut(Survivors.NONE);
        assertThat(reports).containsOnlyKeys(second, third);
        assertThat(reports.get(second).lost()).hasSize(1);
        assertThat(second.powered()).isFalse();
        assertThat(third.powered()).isFalse();
    }

    @Test
    void aRuleCutsTheOthersOfADeviceThatIsClosed() throws Exception {
        PowerDomain.of(first, second, third);
        first.close();
        Fault cut = second.faults().on(Operation.WRITE).times(1).powerCut(Survivors.NONE);
        assertThat(write(second)).isEqualTo(-Errno.EIO.number());
        assertThat(cut.hits()).isEqualTo(1);
        assertThat(third.powered()).isFalse();
    }

    @Test
    void ofClosedDevicesAloneThereIsNothingToCut() {
        PowerDomain domain = PowerDomain.of(first, second);
        first.close();
        second.close();
        assertThatThrownBy(domain::powerCut)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("Every device of the power domain is closed.");
        domain.restorePower();
    }

    @Test
    void aClosedDeviceIsNotPutIntoADomain() {
        first.close();
        assertThatThrownBy(() -> PowerDomain.of(first, second))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("dblockunit1 is closed");
        PowerDomain.of(second, third);
    }

    /** Restoring the power fails for each device here, because there is no node whose buffers could be dropped. */
    @Test
    void thePowerOfEachThatIsOpenIsTriedToBeRestored() {
        PowerDomain domain = PowerDomain.of(first, second, third);
        domain.powerCut();
        first.close();
        Throwable thrown = catchThrowable(domain::restorePower);
        assertThat(thrown).isInstanceOf(DblockException.class).hasMessageContaining("dblockunit2");
        assertThat(thrown.getSuppressed()).singleElement().asString().contains("dblockunit3");
    }

    @Test
    void whatCannotShareASupplyIsRefused() {
        assertThatThrownBy(() -> PowerDomain.of(first)).hasMessageContaining("Allowed: at least 2");
        assertThatThrownBy(() -> PowerDomain.of(first, first)).hasMessageContaining("given twice");
        PowerDomain.of(first, second);
        assertThatThrownBy(() -> PowerDomain.of(second, third)).hasMessageContaining("is in a power domain already");
        assertThat(third.powered()).isTrue();
    }
}

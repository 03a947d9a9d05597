// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.DblockException;
import io.dblock.handler.ImageMode;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.server.DeviceServer;
import io.dblock.internal.server.FakeKernelServer;
import io.dblock.internal.server.FilterSpec;
import io.dblock.internal.server.ServedDevice;
import io.dblock.internal.server.StoreSpec;
import io.dblock.journal.JournalEntry;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests of the commands of the test JVM to the server process, without a connection. */
@Timeout(60)
class CommandServerTest {
    private static final int SIZE = 1 << 20;
    private static final DeviceParameters PARAMETERS =
            new DeviceParameters("", SIZE, 512, 512, 512, 0, 1, 64, 65536, 30000, 0, SIZE, SIZE, Set.of());
    private static final FilterSpec FILTERS = new FilterSpec(1, true, 1 << 20, 1024);
    private static final StoreSpec STORE = new StoreSpec(SIZE, 512, Optional.empty(), Optional.empty());

    private final FakeKernel kernel = new FakeKernel();
    private final RecordedTest test = new RecordedTest();
    private final CommandServer server = serverOf(new FakeKernelServer(kernel));

    private CommandServer serverOf(DeviceServer devices) {
        return new CommandServer(devices, test, new References(null), 1, path -> Path.of("/proc/1/root")
                .resolve(Path.of("/").relativize(path)));
    }

    /** The test JVM. */
    private static final class RecordedTest implements TestCommands {
        private final List<JournalEntry> entries = new ArrayList<>();
        private final CountDownLatch ended = new CountDownLatch(1);

        @Override
        public synchronized void journal(long subscription, List<JournalEntry> some) {
            entries.addAll(some);
        }

        @Override
        public void journalEnd(long subscription) {
            ended.countDown();
        }

        @Override
        public List<String> stacks() {
            return List.of();
        }

        @Override
        public void watchReport(int id, String text) {}
    }

    private ServerCommands.Made started() {
        ServerCommands.Made made = server.create(PARAMETERS, FILTERS, STORE);
        made.device().start();
        return made;
    }

    private long write(ServerCommands.Made made) throws Exception {
        assertThat(kernel.submit(made.info().parameters().name(), Batch.OP_WRITE, 0, 0, 512, new byte[512], 0)
                        .get(20, SECONDS)
                        .result())
                .isZero();
        return made.recorder().last();
    }

    @Test
    void aClosedDeviceIsNoDevice() {
        long device = started().number();
        server.close(device);
        assertThatThrownBy(() -> server.subscribe(device, 1))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("The device is closed.");
        assertThatThrownBy(() -> server.close(device)).isInstanceOf(IllegalStateException.class);
        assertThat(kernel.openSessions()).isZero();
    }

    @Test
    void aDeviceWhoseCloseWasNotAnsweredCanBeClosedAgain() throws Exception {
        ServerCommands.Made made = started();
        write(made);
        server.destroyAndClose(made.number());
        assertThat(server.close(made.number()).entries().get()).hasSize(1);
        ServerCommands.Made failing = started();
        kernel.failingToClose();
        assertThatThrownBy(() -> server.destroyAndClose(failing.number())).hasMessageContaining("failed to close");
        assertThatThrownBy(() -> server.close(failing.number())).hasMessageContaining("failed to close");
    }

    @Test
    void dataOfTheLastEightClosedDevicesCanStillBeAskedFor() throws Exception {
        ServerCommands.Made first = started();
        long entry = write(first);
        server.close(first.number());
        assertThat(server.content(first.number(), entry)).isPresent();
        for (int i = 0; i < 7; i++) {
            server.close(started().number());
        }
        assertThat(server.content(first.number(), entry)).isPresent();
        server.close(started().number());
        assertThat(server.content(first.number(), entry)).isEmpty();
    }

    @Test
    void aDeviceThatFailsToCloseIsClosedAllTheSame() throws Exception {
        ServerCommands.Made made = started();
        server.subscribe(made.number(), 7);
        long entry = write(made);
        kernel.failingToClose();
        assertThatThrownBy(() -> server.close(made.number()))
                .isExactlyInstanceOf(DblockException.class)
                .hasMessageContaining("failed to close");
        assertThatThrownBy(() -> server.subscribe(made.number(), 8)).hasMessage("The device is closed.");
        assertThat(test.ended.await(20, SECONDS)).as("the end of its journal").isTrue();
        assertThat(test.entries).isNotEmpty();
        assertThat(server.content(made.number(), entry)).isPresent();
    }

    @Test
    void anErrorNamesTheImageAsTheTestKnowsIt() {
        CommandServer refusing = serverOf(new DeviceServer() {
            @Override
            public ServedDevice create(DeviceParameters parameters, FilterSpec filters, StoreSpec store) {
                assertThat(store.image()).contains(Path.of("/proc/1/root/some/image"));
                throw new DblockException(
                        "Cannot open the image " + store.image().orElseThrow());
            }

            @Override
            public void joinPower(List<ServedDevice> devices) {}

            @Override
            public List<Optional<CutReport>> cutPower(List<ServedDevice> devices, Survivors survivors) {
                return List.of();
            }
        });
        StoreSpec store =
                new StoreSpec(SIZE, 512, Optional.of(Path.of("/some/image")), Optional.of(ImageMode.IN_PLACE));
        assertThatThrownBy(() -> refusing.create(PARAMETERS, FILTERS, store))
                .hasMessage("Cannot open the image /some/image");
    }

    @Test
    void destroyAllDestroysThoseThatAreInUseToo() {
        for (int i = 0; i < 3; i++) {
            kernel.setOpeners(started().info().parameters().name(), 1);
        }
        server.destroyAll();
        assertThat(kernel.deviceCount()).isZero();
    }
}

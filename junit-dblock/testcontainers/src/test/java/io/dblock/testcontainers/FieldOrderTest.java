// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import io.dblock.BlockDevice;
import io.dblock.BlockDeviceProvider;
import io.dblock.PowerDomain;
import io.dblock.junit.DblockDevice;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.junit.jupiter.Container;
import org.testcontainers.junit.jupiter.Testcontainers;
import org.testcontainers.lifecycle.Startable;

/**
 * Tests of fields with {@code @DblockDevice} and {@code @Container}, in any order, with Testcontainers' own extension. Its
 * containers are any {@link Startable}, so no engine is needed.
 */
class FieldOrderTest {
    private static final List<String> LOG = new CopyOnWriteArrayList<>();
    private static final AtomicInteger DEVICES = new AtomicInteger();

    @BeforeEach
    void nothingHasHappened() {
        LOG.clear();
        DEVICES.set(0);
    }

    /** Starts on a disk, as a container does. */
    private record Service(ContainerDisk disk, String name) implements Startable {
        @Override
        public void start() {
            LOG.add("start " + name + " on " + disk.device().name());
        }

        @Override
        public void stop() {
            LOG.add("stop " + name);
        }
    }

    /** Makes devices that are only names. */
    public static final class Provider implements BlockDeviceProvider {
        @Override
        public void requireAvailable() {}

        @Override
        public BlockDevice.Builder builder() {
            return proxy(BlockDevice.Builder.class, (proxy, method, arguments) -> switch (method.getName()) {
                case "set" -> proxy;
                case "create" -> device("dblock" + DEVICES.getAndIncrement());
                default -> InvocationHandler.invokeDefault(proxy, method, arguments);
            });
        }

        @Override
        public Supplier<BlockDevice> begin(BlockDevice.Builder builder) {
            BlockDevice device = builder.create();
            return () -> device;
        }

        @Override
        public PowerDomain powerDomain(List<BlockDevice> devices) {
            throw new UnsupportedOperationException("no test asks for it");
        }

        private static BlockDevice device(String name) {
            LOG.add("make " + name);
            BlockDevice fake = FakeDisk.of(name, LOG, Optional.empty());
            return proxy(BlockDevice.class, (proxy, method, arguments) -> switch (method.getName()) {
                case "close" -> {
                    LOG.add("close " + name);
                    yield null;
                }
                case "size" -> 1L << 20;
                case "closeForks" -> null;
                case "unproven", "incidents", "handlerFailures" -> List.of();
                case "seed" -> 1L;
                case "faults" -> new NoFaults();
                default -> call(method, fake, arguments);
            });
        }

        private static Object call(Method method, Object target, Object[] arguments) throws Throwable {
            return Proxy.getInvocationHandler(target).invoke(target, method, arguments);
        }

        private static <T> T proxy(Class<T> type, InvocationHandler handler) {
            return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
        }
    }

    private static List<String> run(Class<?> test) {
        EngineTestKit.engine("junit-jupiter")
                .selectors(selectClass(test))
                .enableImplicitConfigurationParameters(false)
                .configurationParameter("junit.dblock.internal.provider", Provider.class.getName())
                .configurationParameter("junit.dblock.artifacts", "never")
                .execute()
                .allEvents()
                .assertThatEvents()
                .noneMatch(event -> event.toString().contains("FAILED"));
        return List.copyOf(LOG);
    }

    @Testcontainers
    static class DeviceFirst {
        @DblockDevice
        static BlockDevice ofClass;

        @Container
        static final Startable shared = new Service(ContainerDisk.of(() -> ofClass), "shared");

        @DblockDevice
        BlockDevice ofTest;

        @Container
        final Startable own = new Service(ContainerDisk.of(() -> ofTest), "own");

        @Test
        void test() {
            LOG.add("test");
        }
    }

    @Testcontainers
    static class ContainerFirst {
        @Container
        static final Startable shared = new Service(ContainerDisk.of(() -> ContainerFirst.ofClass), "shared");

        @DblockDevice
        static BlockDevice ofClass;

        @Container
        final Startable own = new Service(ContainerDisk.of(() -> this.ofTest), "own");

        @DblockDevice
        BlockDevice ofTest;

        @Test
        void test() {
            LOG.add("test");
        }
    }

    @Testcontainers(parallel = true)
    static class Parallel {
        @Container
        static final Startable shared = new Service(ContainerDisk.of(() -> Parallel.ofClass), "shared");

        @DblockDevice
        static BlockDevice ofClass;

        @Container
        final Startable own = new Service(ContainerDisk.of(() -> this.ofTest), "own");

        @DblockDevice
        BlockDevice ofTest;

        @Test
        void test() {
            LOG.add("test");
        }
    }

    private static final String[] IN_ORDER = {
        "make dblock0",
        "start shared on dblock0",
        "make dblock1",
        "start own on dblock1",
        "test",
        "stop own",
        "close dblock1",
        "stop shared",
        "close dblock0"
    };

    @Test
    void aDeviceIsThereBeforeItsContainerAndLeavesAfterIt() {
        assertThat(run(DeviceFirst.class)).containsExactly(IN_ORDER);
    }

    @Test
    void theOrderOfTheFieldsIsNoMatter() {
        assertThat(run(ContainerFirst.class)).containsExactly(IN_ORDER);
    }

    @Test
    void otherThreadsMayStartTheContainers() {
        assertThat(run(Parallel.class)).containsExactly(IN_ORDER);
    }

    static class ByHand {
        static final Startable shared = new Service(ContainerDisk.of(() -> ByHand.ofClass), "shared");

        @DblockDevice
        static BlockDevice ofClass;

        @BeforeAll
        static void start() {
            shared.start();
        }

        @AfterAll
        static void stop() {
            shared.stop();
        }

        @Test
        void test() {
            LOG.add("test");
        }
    }

    @Test
    void withoutTheExtensionTheTestStartsTheContainer() {
        assertThat(run(ByHand.class))
                .containsExactly("make dblock0", "start shared on dblock0", "test", "stop shared", "close dblock0");
    }

    @Test
    void aContainerStartsItsDisksFirst() {
        GenericContainer<?> container = new GenericContainer<>("company/ledger:3");
        Startable attached = AttachedContainer.of(
                ContainerDisk.of(FakeDisk.of("dblock0", LOG, Optional.empty())).deviceIn(container, "/dev/ledger"));
        assertThat(container.getDependencies()).containsExactly(attached);
    }
}

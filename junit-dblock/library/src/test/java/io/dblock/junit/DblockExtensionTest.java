// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.TestInstance.Lifecycle.PER_CLASS;

import io.dblock.BlockDevice;
import io.dblock.CacheMode;
import io.dblock.Filesystem;
import io.dblock.handler.ImageMode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.CleanupMode;

/** Tests of the extension that is built by code: its scopes, and which device it returns where. */
class DblockExtensionTest {
    private final FakeLab lab = FakeLab.fresh();

    static class InstanceField {
        @RegisterExtension
        DblockExtension disk = DblockExtension.builder().build();

        @BeforeEach
        void beforeEach() {
            FakeLab.note("beforeEach " + disk.device().name());
        }

        @RepeatedTest(2)
        void test() {
            FakeLab.note("test " + disk.device().name());
        }

        @AfterEach
        void afterEach() {
            FakeLab.note("afterEach " + disk.device().name());
        }
    }

    private static final List<String> TWO_TESTS = List.of(
            "create dblock0",
            "beforeEach dblock0",
            "test dblock0",
            "afterEach dblock0",
            "close dblock0",
            "create dblock1",
            "beforeEach dblock1",
            "test dblock1",
            "afterEach dblock1",
            "close dblock1");

    @Test
    void anInstanceFieldGivesEachTestItsOwn() {
        Run.of(InstanceField.class).expectSuccess();
        assertThat(lab.log).containsExactlyElementsOf(TWO_TESTS);
    }

    @TestInstance(PER_CLASS)
    static class InstanceFieldPerClass extends InstanceField {}

    @Test
    void anInstanceFieldGivesEachTestOfAnInstancePerClassItsOwn() {
        Run.of(InstanceFieldPerClass.class).expectSuccess();
        assertThat(lab.log).containsExactlyElementsOf(TWO_TESTS);
    }

    static class StaticField {
        @RegisterExtension
        static final DblockExtension DISK = DblockExtension.builder().build();

        StaticField() {
            FakeLab.note("constructor " + DISK.device().name());
        }

        @BeforeAll
        static void beforeAll() {
            FakeLab.note("beforeAll " + DISK.device().name());
        }

        @Test
        void test() {
            FakeLab.note("test " + DISK.device().name());
        }

        @Nested
        class Inner {
            @Test
            void nested() {
                FakeLab.note("nested " + DISK.device().name());
            }
        }

        @AfterAll
        static void afterAll() {
            FakeLab.note("afterAll " + DISK.device().name());
        }
    }

    @Test
    void aStaticFieldGivesTheWholeClassOne() {
        Run.of(StaticField.class).expectSuccess();
        assertThat(lab.log)
                .containsExactly(
                        "create dblock0",
                        "beforeAll dblock0",
                        "constructor dblock0",
                        "test dblock0",
                        "constructor dblock0",
                        "nested dblock0",
                        "afterAll dblock0",
                        "close dblock0");
    }

    static class OuterInstanceField {
        @RegisterExtension
        DblockExtension disk = DblockExtension.builder().build();

        @Nested
        class Inner {
            @RegisterExtension
            DblockExtension own = DblockExtension.builder().build();

            @RepeatedTest(2)
            void test() {
                FakeLab.note("test " + !disk.device().name().equals(own.device().name()));
            }
        }
    }

    @Test
    void anEnclosingInstancesFieldGivesEachNestedTestItsOwn() {
        Run.of(OuterInstanceField.class).expectSuccess();
        assertThat(lab.log).filteredOn("test true"::equals).hasSize(2);
        assertThat(lab.built).hasSize(4);
        assertThat(lab.open).isEmpty();
    }

    static class Dynamic {
        @RegisterExtension
        DblockExtension disk = DblockExtension.builder().build();

        @TestFactory
        Stream<DynamicTest> tests() {
            FakeLab.note("factory " + disk.device().name());
            return Stream.of("a", "b")
                    .map(name -> DynamicTest.dynamicTest(
                            name, () -> FakeLab.note(name + " " + disk.device().name())));
        }
    }

    @Test
    void dynamicTestsHaveTheirFactorysDevice() {
        Run.of(Dynamic.class).expectSuccess();
        assertThat(lab.log)
                .containsExactly("create dblock0", "factory dblock0", "a dblock0", "b dblock0", "close dblock0");
    }

    // ---- which device ----

    private static String nameSeenByAnotherThread(DblockExtension extension) throws Exception {
        ExecutorService executor = Executors.newSingleThreadExecutor();
        try {
            return CompletableFuture.supplyAsync(() -> extension.device().name(), executor)
                    .get(10, TimeUnit.SECONDS);
        } finally {
            executor.shutdown();
        }
    }

    static class OtherThread {
        @RegisterExtension
        static final DblockExtension DISK = DblockExtension.builder().build();

        @RegisterExtension
        DblockExtension own = DblockExtension.builder().build();

        @Test
        void test() throws Exception {
            assertThat(nameSeenByAnotherThread(DISK)).isEqualTo(DISK.device().name());
            assertThat(nameSeenByAnotherThread(own)).isEqualTo(own.device().name());
        }

        @Test
        @Timeout(value = 10, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
        void timeout() {
            FakeLab.note(DISK.device().name() + " " + own.device().name());
        }
    }

    @Test
    void otherThreadsOfATestGetItsDevice() {
        Run.of(OtherThread.class).expectSuccess();
    }

    static class SharedBase {
        @RegisterExtension
        static final DblockExtension DISK = DblockExtension.builder().build();

        @Test
        void test() {
            FakeLab.note("test " + DISK.device().name());
            assertThatThrownBy(() -> nameSeenByAnotherThread(DISK))
                    .hasRootCauseInstanceOf(IllegalStateException.class)
                    .hasStackTraceContaining("hand the thread what it gives");
        }
    }

    static class SharedOne extends SharedBase {}

    static class SharedOther extends SharedBase {}

    @Test
    void anInheritedStaticFieldGivesEachClassItsOwnAndRefusesOtherThreads() {
        Run.of(SharedOne.class, SharedOther.class).expectSuccess();
        assertThat(lab.log)
                .containsExactly(
                        "create dblock0",
                        "test dblock0",
                        "close dblock0",
                        "create dblock1",
                        "test dblock1",
                        "close dblock1");
    }

    static class TooEarly {
        @RegisterExtension
        DblockExtension disk = DblockExtension.builder().build();

        private final BlockDevice device = disk.device();

        @Test
        void test() {
            assertThat(device).isNotNull();
        }
    }

    @Test
    void theDeviceOfAnInstanceFieldIsNotThereForTheConstructor() {
        assertThat(Run.of(TooEarly.class).expectOneFailure())
                .hasStackTraceContaining("There is no device")
                .hasStackTraceContaining("made before each test");
        assertThat(lab.log).isEmpty();
    }

    @Test
    void outsideOfItsTestsThereIsNoDevice() {
        Run.of(StaticField.class).expectSuccess();
        assertThatThrownBy(StaticField.DISK::device)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("There is no device");
    }

    static class NotRegistered {
        final DblockExtension disk = DblockExtension.builder().build();

        @Test
        void test() {
            disk.device();
        }
    }

    @Test
    void aFieldWithoutRegisterExtensionIsTold() {
        assertThat(Run.of(NotRegistered.class).expectOneFailure())
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("@RegisterExtension");
    }

    // ---- what it is built of ----

    static class Everything {
        @RegisterExtension
        static final DblockExtension DISK = DblockExtension.builder()
                .size("16MiB")
                .logicalBlockSize(1024)
                .physicalBlockSize(2048)
                .filesystem(Filesystem.EXT4)
                .mkfsOptions("-b", "1024")
                .mountOptions("noatime")
                .cache(CacheMode.NONE)
                .readOnly(false)
                .discard(false)
                .queues(2)
                .depth(3)
                .name("mine")
                .image(Path.of("a.img"), ImageMode.IN_PLACE)
                .cleanup(CleanupMode.ALWAYS)
                .requestTimeout(Duration.ofMillis(500))
                .failOnHandlerException(false)
                .unavailable(WhenUnavailable.FAIL)
                .customize(builder -> builder.fua(true))
                .build();

        @Test
        void test() {
            FakeLab.current().handlerFailures.put(DISK.device().name(), List.of(new NullPointerException("one")));
        }
    }

    @Test
    void everythingThatIsSetReachesTheBuilder() {
        Run.of(Everything.class)
                .with(DblockParameters.SIZE, "1GiB")
                .with(DblockParameters.CLEANUP, "never")
                .expectSuccess();
        assertThat(lab.built.get("dblock0"))
                .containsExactlyInAnyOrderEntriesOf(Map.ofEntries(
                        Map.entry("size", List.of(16L << 20)),
                        Map.entry("logicalBlockSize", List.of(1024)),
                        Map.entry("physicalBlockSize", List.of(2048)),
                        Map.entry("filesystem", List.of(Filesystem.EXT4)),
                        Map.entry("mkfsOptions", List.of("-b", "1024")),
                        Map.entry("mountOptions", List.of("noatime")),
                        Map.entry("cache", List.of(CacheMode.NONE)),
                        Map.entry("readOnly", List.of(false)),
                        Map.entry("discard", List.of(false)),
                        Map.entry("queues", List.of(2)),
                        Map.entry("depth", List.of(3)),
                        Map.entry("name", List.of("mine")),
                        Map.entry("image", List.of(Path.of("a.img"))),
                        Map.entry("imageMode", List.of(ImageMode.IN_PLACE)),
                        Map.entry("requestTimeout", List.of(Duration.ofMillis(500))),
                        Map.entry("fua", List.of(true))));
    }

    static class Handlers {
        @RegisterExtension
        DblockExtension blocks = DblockExtension.builder()
                .handler(DblockParametersTest.NullHandler::new)
                .build();

        @RegisterExtension
        DblockExtension requests = DblockExtension.builder()
                .requestHandler(() -> request -> request.complete())
                .build();

        @Test
        void test() {}
    }

    @Test
    void handlersComeFromTheirSuppliers() {
        Run.of(Handlers.class).expectSuccess();
        assertThat(lab.built.values()).hasSize(2).allSatisfy(calls -> assertThat(calls)
                .containsKey("handler"));
    }

    static class NoHandler {
        @RegisterExtension
        DblockExtension disk =
                DblockExtension.builder().requestHandler(() -> null).build();

        @Test
        void test() {}
    }

    @Test
    void aSupplierThatGivesNoHandlerIsTold() {
        assertThat(Run.of(NoHandler.class).expectOneFailure())
                .hasMessageContaining("NoHandler")
                .hasMessageContaining("The handler supplier returned null");
    }

    static class Leaking {
        @RegisterExtension
        DblockExtension disk = DblockExtension.builder().build();

        @Test
        void test() {
            FakeLab.current().leaking.add(disk.device().name());
        }
    }

    @Test
    void aLeakFailsTheTest() {
        assertThat(Run.teardown(Run.of(Leaking.class).expectOneFailure()))
                .hasMessageContaining("@RegisterExtension field disk of ")
                .hasMessageContaining("field disk of DblockExtensionTest.Leaking")
                .hasMessageContaining("dblock0 was still in use");
    }
}

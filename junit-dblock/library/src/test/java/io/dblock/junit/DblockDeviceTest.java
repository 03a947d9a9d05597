// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.TestInstance.Lifecycle.PER_CLASS;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.junit.platform.testkit.engine.Event;
import org.junit.platform.testkit.engine.EventType;

/** Tests of what is injected, where, and how long it lives. */
class DblockDeviceTest {
    private final FakeLab lab = FakeLab.fresh();

    // ---- what is injected ----

    static class EachType {
        @DblockDevice
        BlockDevice device;

        @DblockDevice
        Path node;

        @DblockDevice(filesystem = Filesystem.EXT4)
        Path mountPoint;

        @DblockDevice
        FileChannel channel;

        @Test
        void test() {
            FakeLab.note(device.path() + " " + node + " " + mountPoint + " " + channel.isOpen());
        }
    }

    @Test
    void theDeclaredTypeSaysWhatIsInjected() {
        Run.of(EachType.class).expectSuccess();
        assertThat(lab.built).hasSize(4);
        assertThat(lab.log)
                .filteredOn(entry -> entry.startsWith("/"))
                .singleElement()
                .asString()
                .matches("/dev/dblock[0-3] /dev/dblock[0-3] /mnt/dblock[0-3] true");
    }

    static class Channel {
        static FileChannel injected;

        @Test
        void test(@DblockDevice FileChannel channel) {
            injected = channel;
            assertThat(channel.isOpen()).isTrue();
        }
    }

    @Test
    void theChannelIsClosedBeforeTheDevice() {
        Run.of(Channel.class).expectSuccess();
        assertThat(Channel.injected.isOpen()).isFalse();
        assertThat(lab.log).containsExactly("create dblock0", "open dblock0", "close dblock0");
    }

    static class NotMounted {
        @Test
        void test(@DblockDevice(filesystem = Filesystem.XFS) BlockDevice device) {
            assertThat(device.mountPoint()).isEmpty();
        }
    }

    @Test
    void aBlockDeviceIsNotMountedUntilTheTestDoes() {
        Run.of(NotMounted.class).expectSuccess();
        assertThat(lab.log).containsExactly("create dblock0", "close dblock0");
    }

    // ---- parameters ----

    static class EveryParameter {
        EveryParameter(@DblockDevice BlockDevice device) {
            FakeLab.note("constructor " + device.name());
        }

        @BeforeAll
        static void beforeAll(@DblockDevice BlockDevice device) {
            FakeLab.note("beforeAll " + device.name());
        }

        @BeforeEach
        void beforeEach(@DblockDevice BlockDevice device) {
            FakeLab.note("beforeEach " + device.name());
        }

        @Test
        void test(@DblockDevice BlockDevice one, @DblockDevice BlockDevice other) {
            FakeLab.note("test " + one.name() + " " + other.name());
        }

        @AfterEach
        void afterEach(@DblockDevice BlockDevice device) {
            FakeLab.note("afterEach " + device.name());
        }

        @AfterAll
        static void afterAll(@DblockDevice BlockDevice device) {
            FakeLab.note("afterAll " + device.name());
        }
    }

    @Test
    void parametersOfConstructorsLifecycleAndTestMethodsGetDevicesOfTheirOwn() {
        Run.of(EveryParameter.class).expectSuccess();
        assertThat(lab.log)
                .containsExactly(
                        "create dblock0",
                        "beforeAll dblock0",
                        "create dblock1",
                        "constructor dblock1",
                        "create dblock2",
                        "beforeEach dblock2",
                        "create dblock3",
                        "create dblock4",
                        "test dblock3 dblock4",
                        "create dblock5",
                        "afterEach dblock5",
                        "close dblock5",
                        "close dblock4",
                        "close dblock3",
                        "close dblock2",
                        "close dblock1",
                        "create dblock6",
                        "afterAll dblock6",
                        "close dblock6",
                        "close dblock0");
    }

    static class Parameterized {
        @ParameterizedTest
        @ValueSource(ints = {1, 2})
        void test(int argument, @DblockDevice BlockDevice device) {
            FakeLab.note(argument + " " + device.name());
        }
    }

    @Test
    void eachInvocationOfAParameterizedTestHasADeviceOfItsOwn() {
        Run.of(Parameterized.class).expectSuccess();
        assertThat(lab.log)
                .containsExactly(
                        "create dblock0", "1 dblock0", "close dblock0", "create dblock1", "2 dblock1", "close dblock1");
    }

    static class Dynamic {
        @TestFactory
        Stream<DynamicTest> tests(@DblockDevice BlockDevice device) {
            return Stream.of("a", "b")
                    .map(name -> DynamicTest.dynamicTest(name, () -> FakeLab.note(name + " " + device.name())));
        }
    }

    @Test
    void theDeviceOfATestFactoryLivesThroughItsDynamicTests() {
        Run.of(Dynamic.class).expectSuccess();
        assertThat(lab.log).containsExactly("create dblock0", "a dblock0", "b dblock0", "close dblock0");
    }

    // ---- fields ----

    static class InstanceField {
        @DblockDevice
        private BlockDevice device;

        @BeforeEach
        void beforeEach() {
            FakeLab.note("beforeEach " + device.name());
        }

        @RepeatedTest(2)
        void test() {
            FakeLab.note("test " + device.name());
        }
    }

    @Test
    void anInstanceFieldGetsAFreshDeviceForEachTest() {
        Run.of(InstanceField.class).expectSuccess();
        assertThat(lab.log)
                .containsExactly(
                        "create dblock0",
                        "beforeEach dblock0",
                        "test dblock0",
                        "close dblock0",
                        "create dblock1",
                        "beforeEach dblock1",
                        "test dblock1",
                        "close dblock1");
    }

    @TestInstance(PER_CLASS)
    static class InstanceFieldPerClass extends InstanceField {}

    @Test
    void anInstanceFieldGetsAFreshDeviceForEachTestOfAnInstancePerClass() {
        Run.of(InstanceFieldPerClass.class).expectSuccess();
        assertThat(lab.log)
                .containsExactly(
                        "create dblock0",
                        "beforeEach dblock0",
                        "test dblock0",
                        "close dblock0",
                        "create dblock1",
                        "beforeEach dblock1",
                        "test dblock1",
                        "close dblock1");
    }

    @TestMethodOrder(MethodOrderer.MethodName.class)
    static class StaticField {
        @DblockDevice
        static BlockDevice device;

        @BeforeAll
        static void beforeAll() {
            FakeLab.note("beforeAll " + device.name());
        }

        @Test
        void test1() {
            FakeLab.note("test1 " + device.name());
        }

        @Test
        void test2() {
            FakeLab.note("test2 " + device.name());
        }

        @Nested
        class Inner {
            @Test
            void test3() {
                FakeLab.note("test3 " + device.name());
            }
        }

        @AfterAll
        static void afterAll() {
            FakeLab.note("afterAll " + device.name());
        }
    }

    @Test
    void aStaticFieldKeepsItsDeviceForTheWholeClass() {
        Run.of(StaticField.class).expectSuccess();
        assertThat(lab.log)
                .containsExactly(
                        "create dblock0",
                        "beforeAll dblock0",
                        "test1 dblock0",
                        "test2 dblock0",
                        "test3 dblock0",
                        "afterAll dblock0",
                        "close dblock0");
    }

    static class Outer {
        @DblockDevice
        BlockDevice outer;

        @Nested
        class Inner {
            @DblockDevice
            BlockDevice inner;

            @RepeatedTest(2)
            void test() {
                FakeLab.note("test " + outer.name() + " " + inner.name());
            }
        }
    }

    @Test
    void fieldsOfEnclosingInstancesAreInjectedForNestedTests() {
        Run.of(Outer.class).expectSuccess();
        assertThat(lab.log)
                .containsExactly(
                        "create dblock0",
                        "create dblock1",
                        "test dblock0 dblock1",
                        "close dblock1",
                        "close dblock0",
                        "create dblock2",
                        "create dblock3",
                        "test dblock2 dblock3",
                        "close dblock3",
                        "close dblock2");
    }

    @TestInstance(PER_CLASS)
    static class OuterPerClass {
        @DblockDevice
        BlockDevice outer;

        @Test
        void own() {
            FakeLab.note("own " + outer.name());
        }

        @Nested
        class Inner {
            @RepeatedTest(2)
            void test() {
                FakeLab.note("nested " + outer.name());
            }
        }
    }

    @Test
    void fieldsOfAnEnclosingInstancePerClassAreFreshForEachNestedTest() {
        Run.of(OuterPerClass.class).expectSuccess();
        assertThat(lab.log)
                .containsExactly(
                        "create dblock0",
                        "own dblock0",
                        "close dblock0",
                        "create dblock1",
                        "nested dblock1",
                        "close dblock1",
                        "create dblock2",
                        "nested dblock2",
                        "close dblock2");
    }

    static class Base {
        @DblockDevice
        static BlockDevice shared;

        @DblockDevice
        BlockDevice own;
    }

    static class Derived extends Base {
        @Test
        void test() {
            FakeLab.note("test " + shared.name() + " " + own.name());
        }
    }

    static class Sibling extends Base {
        @Test
        void test() {
            FakeLab.note("test " + shared.name() + " " + own.name());
        }
    }

    @Test
    void superclassFieldsAreInjected() {
        Run.of(Derived.class, Sibling.class).expectSuccess();
        assertThat(lab.log)
                .containsExactly(
                        "create dblock0",
                        "create dblock1",
                        "test dblock0 dblock1",
                        "close dblock1",
                        "close dblock0",
                        "create dblock2",
                        "create dblock3",
                        "test dblock2 dblock3",
                        "close dblock3",
                        "close dblock2");
    }

    static class OuterOfSameBase extends Base {
        @Nested
        class Inner extends Base {
            @Test
            void nested() {
                FakeLab.note("nested " + shared.name());
            }
        }

        @AfterAll
        static void afterAll() {
            FakeLab.note("afterAll " + shared.name());
        }
    }

    @Test
    void aNestedClassThatInheritsTheSameStaticFieldGivesItBack() {
        Run.of(OuterOfSameBase.class).expectSuccess();
        assertThat(lab.log).startsWith("create dblock0").contains("nested dblock1", "afterAll dblock0");
    }

    record OfComponents(@DblockDevice BlockDevice device) {
        @Test
        void test() {
            FakeLab.note("test " + device.name());
        }
    }

    @Test
    void aRecordsComponentIsInjectedThroughItsConstructor() {
        Run.of(OfComponents.class).expectSuccess();
        assertThat(lab.log).containsExactly("create dblock0", "test dblock0", "close dblock0");
    }

    @TestInstance(PER_CLASS)
    static class ConstructorPerClass {
        private final BlockDevice device;

        ConstructorPerClass(@DblockDevice BlockDevice device) {
            this.device = device;
        }

        @RepeatedTest(2)
        void test() {
            FakeLab.note("test " + device.name());
        }
    }

    @Test
    void theConstructorsDeviceLivesAsLongAsTheInstance() {
        Run.of(ConstructorPerClass.class).expectSuccess();
        assertThat(lab.log).containsExactly("create dblock0", "test dblock0", "test dblock0", "close dblock0");
    }

    // ---- meta-annotation, report ----

    @Retention(RetentionPolicy.RUNTIME)
    @DblockDevice(size = "16MiB", filesystem = Filesystem.EXT4)
    @interface Ext4Device {}

    static class Meta {
        @Ext4Device
        Path field;

        @Test
        void test(@Ext4Device Path parameter) {
            FakeLab.note("test " + field + " " + parameter);
        }
    }

    @Test
    void itWorksAsMetaAnnotationOnFieldsAndParameters() {
        Run.of(Meta.class).expectSuccess();
        assertThat(lab.log).contains("test /mnt/dblock0 /mnt/dblock1");
        assertThat(lab.built.get("dblock1")).containsEntry("size", List.of(16L << 20));
    }

    @Test
    void nodeAndSizeAreReported() {
        List<Map<String, String>> entries =
                new ArrayList<>(Run.reportEntries(Run.of(Meta.class).expectSuccess()));
        assertThat(entries).hasSize(2);
        assertThat(entries.get(0))
                .containsExactly(Map.entry(
                        "junit-dblock.device",
                        "/dev/dblock0 (16MiB, ext4): @DblockDevice field field of DblockDeviceTest.Meta"));
    }

    static class OfConstructor {
        OfConstructor(@DblockDevice BlockDevice disk) {
            FakeLab.note("constructor " + disk.name());
        }

        @Test
        void test() {}
    }

    /** JUnit's console launcher fails if a report entry comes before it was told that the test has started. */
    @Test
    void whatIsMadeForAConstructorIsReportedWhenTheTestHasStarted() {
        List<Event> events = Run.of(OfConstructor.class).expectSuccess().allEvents().stream()
                .filter(event -> event.getTestDescriptor().isTest())
                .toList();
        assertThat(events)
                .extracting(Event::getType)
                .containsExactly(EventType.STARTED, EventType.REPORTING_ENTRY_PUBLISHED, EventType.FINISHED);
    }
}

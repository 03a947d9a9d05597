// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.CacheMode;
import io.dblock.Filesystem;
import io.dblock.Placement;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockRequest;
import io.dblock.handler.ImageMode;
import io.dblock.handler.RequestHandler;
import io.dblock.handler.WriteFlags;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests of attributes and configuration parameters, and of which one applies. */
class DblockParametersTest {
    private final FakeLab lab = FakeLab.fresh();

    @Test
    void everyAttributeHasATwinOfItsName() throws Exception {
        Set<String> attributes = Arrays.stream(DblockDevice.class.getDeclaredMethods())
                .map(Method::getName)
                .map(DblockParameters.PREFIX::concat)
                .collect(Collectors.toSet());
        Set<String> parameters = new java.util.TreeSet<>();
        for (Field field : DblockParameters.class.getFields()) {
            assertThat(Modifier.isFinal(field.getModifiers())).isTrue();
            if (!field.getName().equals("PREFIX")) {
                parameters.add((String) field.get(null));
            }
        }
        assertThat(parameters).containsExactlyInAnyOrderElementsOf(attributes);
    }

    static class Unset {
        @Test
        void test(@DblockDevice BlockDevice disk) {}
    }

    static class Ext4 {
        @Test
        void test(@DblockDevice(filesystem = Filesystem.EXT4) BlockDevice disk) {}
    }

    static class Xfs {
        @Test
        void test(@DblockDevice(filesystem = Filesystem.XFS) BlockDevice disk) {}
    }

    static class NullHandler implements BlockHandler {
        @Override
        public void read(long offset, ByteBuffer dst) {}

        @Override
        public void write(long offset, ByteBuffer src, WriteFlags flags) {}
    }

    static class NullRequestHandler implements RequestHandler {
        @Override
        public void handle(BlockRequest request) {}
    }

    static class AllSet {
        @Test
        void test(
                @DblockDevice(
                                size = "16MiB",
                                logicalBlockSize = 1024,
                                physicalBlockSize = 2048,
                                filesystem = Filesystem.EXT4,
                                mkfsOptions = {"-b", "1024"},
                                mountOptions = {"noatime", "data=journal"},
                                cache = CacheMode.NONE,
                                readOnly = TriState.FALSE,
                                discard = TriState.FALSE,
                                queues = 2,
                                depth = 3,
                                name = "mine",
                                image = "a.img",
                                imageMode = ImageMode.IN_PLACE,
                                requestTimeout = "500ms",
                                cacheLimit = "1MiB",
                                journalEntries = 2048,
                                seed = -7,
                                placement = Placement.TEST_JVM)
                        BlockDevice disk) {}
    }

    private Map<String, List<Object>> built(Run run) {
        run.expectSuccess();
        return lab.built.get("dblock0");
    }

    @Test
    void everyAttributeReachesTheBuilder() {
        assertThat(built(Run.of(AllSet.class)))
                .containsExactlyInAnyOrderEntriesOf(Map.ofEntries(
                        Map.entry("size", List.of(16L << 20)),
                        Map.entry("logicalBlockSize", List.of(1024)),
                        Map.entry("physicalBlockSize", List.of(2048)),
                        Map.entry("filesystem", List.of(Filesystem.EXT4)),
                        Map.entry("mkfsOptions", List.of("-b", "1024")),
                        Map.entry("mountOptions", List.of("noatime", "data=journal")),
                        Map.entry("cache", List.of(CacheMode.NONE)),
                        Map.entry("readOnly", List.of(false)),
                        Map.entry("discard", List.of(false)),
                        Map.entry("queues", List.of(2)),
                        Map.entry("depth", List.of(3)),
                        Map.entry("name", List.of("mine")),
                        Map.entry("image", List.of(Path.of("a.img"))),
                        Map.entry("imageMode", List.of(ImageMode.IN_PLACE)),
                        Map.entry("requestTimeout", List.of(Duration.ofMillis(500))),
                        Map.entry("cacheLimit", List.of(1L << 20)),
                        Map.entry("journalEntries", List.of(2048)),
                        Map.entry("seed", List.of(-7L)),
                        Map.entry("placement", List.of(Placement.TEST_JVM))));
    }

    @Test
    void everyParameterReachesTheBuilder() {
        Run run = Run.of(Unset.class)
                .with(DblockParameters.SIZE, " 32MiB ")
                .with(DblockParameters.LOGICAL_BLOCK_SIZE, "1KiB")
                .with(DblockParameters.PHYSICAL_BLOCK_SIZE, "4096")
                .with(DblockParameters.FILESYSTEM, "ext4")
                .with(DblockParameters.MKFS_OPTIONS, "-b 1024")
                .with(DblockParameters.MOUNT_OPTIONS, "noatime, data=journal")
                .with(DblockParameters.CACHE, "None")
                .with(DblockParameters.READ_ONLY, "true")
                .with(DblockParameters.DISCARD, "FALSE")
                .with(DblockParameters.QUEUES, "2")
                .with(DblockParameters.DEPTH, "3")
                .with(DblockParameters.NAME, "mine")
                .with(DblockParameters.IMAGE, "a.img")
                .with(DblockParameters.IMAGE_MODE, "read_only")
                .with(DblockParameters.REQUEST_TIMEOUT, "PT2S")
                .with(DblockParameters.CACHE_LIMIT, "4KiB")
                .with(DblockParameters.JOURNAL_ENTRIES, "4096")
                .with(DblockParameters.SEED, "-9223372036854775808")
                .with(DblockParameters.PLACEMENT, "server_process");
        assertThat(built(run))
                .containsExactlyInAnyOrderEntriesOf(Map.ofEntries(
                        Map.entry("size", List.of(32L << 20)),
                        Map.entry("logicalBlockSize", List.of(1024)),
                        Map.entry("physicalBlockSize", List.of(4096)),
                        Map.entry("filesystem", List.of(Filesystem.EXT4)),
                        Map.entry("mkfsOptions", List.of("-b", "1024")),
                        Map.entry("mountOptions", List.of("noatime", "data=journal")),
                        Map.entry("cache", List.of(CacheMode.NONE)),
                        Map.entry("readOnly", List.of(true)),
                        Map.entry("discard", List.of(false)),
                        Map.entry("queues", List.of(2)),
                        Map.entry("depth", List.of(3)),
                        Map.entry("name", List.of("mine")),
                        Map.entry("image", List.of(Path.of("a.img"))),
                        Map.entry("imageMode", List.of(ImageMode.READ_ONLY)),
                        Map.entry("requestTimeout", List.of(Duration.ofSeconds(2))),
                        Map.entry("cacheLimit", List.of(4096L)),
                        Map.entry("journalEntries", List.of(4096)),
                        Map.entry("seed", List.of(Long.MIN_VALUE)),
                        Map.entry("placement", List.of(Placement.SERVER_PROCESS))));
    }

    @Test
    void attributesWinOverParameters() {
        Run run = Run.of(AllSet.class)
                .with(DblockParameters.SIZE, "32MiB")
                .with(DblockParameters.FILESYSTEM, "xfs")
                .with(DblockParameters.READ_ONLY, "true")
                .with(DblockParameters.MKFS_OPTIONS, "-X")
                .with(DblockParameters.REQUEST_TIMEOUT, "9s")
                .with(DblockParameters.HANDLER, NullHandler.class.getName());
        assertThat(built(run))
                .containsEntry("size", List.of(16L << 20))
                .containsEntry("filesystem", List.of(Filesystem.EXT4))
                .containsEntry("readOnly", List.of(false))
                .containsEntry("mkfsOptions", List.of("-b", "1024"))
                .containsEntry("requestTimeout", List.of(Duration.ofMillis(500)))
                .doesNotContainKey("handler");
    }

    static class SaysWhatIsTheDefault {
        @Test
        void test(
                @DblockDevice(
                                zoneSize = "4MiB",
                                maxOpenZones = 0,
                                maxActiveZones = -1,
                                filesystem = Filesystem.NONE,
                                cache = CacheMode.DEFAULT,
                                discard = TriState.TRUE)
                        BlockDevice disk) {}
    }

    @Test
    void anAttributeThatSaysWhatIsTheDefaultWinsAndOneThatIsUnsetDoesNot() {
        assertThat(built(Run.of(SaysWhatIsTheDefault.class)
                        .with(DblockParameters.MAX_OPEN_ZONES, "7")
                        .with(DblockParameters.MAX_ACTIVE_ZONES, "8")
                        .with(DblockParameters.FILESYSTEM, "ext4")
                        .with(DblockParameters.CACHE, "none")
                        .with(DblockParameters.DISCARD, "false")
                        .with(DblockParameters.READ_ONLY, "true")))
                .containsEntry("maxOpenZones", List.of(0))
                .containsEntry("maxActiveZones", List.of(8))
                .containsEntry("filesystem", List.of(Filesystem.NONE))
                .containsEntry("cache", List.of(CacheMode.NONE))
                .containsEntry("discard", List.of(true))
                .containsEntry("readOnly", List.of(true));
    }

    @Test
    void aParameterThatSaysDefaultSaysNothing() {
        assertThat(built(Run.of(Unset.class)
                        .with(DblockParameters.FILESYSTEM, "default")
                        .with(DblockParameters.PLACEMENT, "DEFAULT")))
                .containsExactlyInAnyOrderEntriesOf(Map.of("size", List.of(64L << 20)));
    }

    @Test
    void withNothingSaidTheBuildersDefaultsHold() {
        assertThat(built(Run.of(Unset.class))).containsExactlyInAnyOrderEntriesOf(Map.of("size", List.of(64L << 20)));
    }

    @Test
    void aFilesystemThatNeedsMoreGetsALargerDevice() {
        assertThat(built(Run.of(Xfs.class))).containsEntry("size", List.of(1L << 30));
    }

    @Test
    void anImageBringsItsOwnSize() {
        assertThat(built(Run.of(Unset.class).with(DblockParameters.IMAGE, "a.img")))
                .doesNotContainKey("size")
                .containsEntry("image", List.of(Path.of("a.img")));
    }

    @Test
    void optionsOfFilesystemsAreNotGivenToRawDevices() {
        assertThat(built(Run.of(Unset.class)
                        .with(DblockParameters.MKFS_OPTIONS, "-b 1024")
                        .with(DblockParameters.MOUNT_OPTIONS, "noatime")))
                .doesNotContainKeys("mkfsOptions", "mountOptions");
    }

    static class Handlers {
        @DblockDevice(handler = NullHandler.class)
        BlockDevice block;

        @Test
        void test() {}
    }

    static class RequestHandlers {
        @DblockDevice(handler = NullRequestHandler.class)
        BlockDevice request;

        @Test
        void test() {}

        @Test
        void again() {}
    }

    @Test
    void handlerClassesAreInstantiatedForEachDevice() {
        Run.of(RequestHandlers.class).expectSuccess();
        Object first = lab.built.get("dblock0").get("handler").get(0);
        Object second = lab.built.get("dblock1").get("handler").get(0);
        assertThat(first).isInstanceOf(NullRequestHandler.class).isNotSameAs(second);
    }

    @Test
    void aBlockHandlerIsTakenAsOne() {
        assertThat(built(Run.of(Handlers.class)).get("handler").get(0)).isInstanceOf(NullHandler.class);
    }

    @Test
    void theHandlerParameterNamesAClass() {
        assertThat(built(Run.of(Unset.class).with(DblockParameters.HANDLER, NullHandler.class.getName()))
                        .get("handler")
                        .get(0))
                .isInstanceOf(NullHandler.class);
    }

    @Test
    void whoNamesAHandlerGetsNoImageByParameter() {
        assertThat(built(Run.of(Handlers.class).with(DblockParameters.IMAGE, "a.img")))
                .containsKey("handler")
                .doesNotContainKey("image");
    }

    @Test
    void aNameMayHaveANumberInIt() {
        lab.built.clear();
        Run.of(Unset.class, Ext4.class)
                .with(DblockParameters.NAME, "ci-{n}-{pid}")
                .expectSuccess();
        Object first = lab.built.get("dblock0").get("name").get(0);
        Object second = lab.built.get("dblock1").get("name").get(0);
        String pid = Long.toString(ProcessHandle.current().pid());
        assertThat(first).asString().matches("ci-[0-9]+-" + pid);
        assertThat(second).asString().matches("ci-[0-9]+-" + pid).isNotEqualTo(first);
    }

    @Test
    void theCleanupParameterHolds() {
        assertThat(Run.reportEntries(Run.of(Unset.class)
                        .with(DblockParameters.CLEANUP, "never")
                        .expectSuccess()))
                .flatExtracting(Map::keySet)
                .contains("junit-dblock.kept");
    }

    static class Broken {
        @Test
        void test(@DblockDevice BlockDevice disk) {
            FakeLab.current().handlerFailures.put(disk.name(), List.of(new NullPointerException("one")));
        }
    }

    @Test
    void theHandlerExceptionParameterHolds() {
        Run.of(Broken.class)
                .with(DblockParameters.FAIL_ON_HANDLER_EXCEPTION, "false")
                .expectSuccess();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "size                   | big      | Not a size",
                "logicalBlockSize       | 9GiB     | more than 2147483647 bytes",
                "filesystem             | zfs      | none, ext4, xfs, btrfs",
                "cache                  | through  | write_back, none",
                "readOnly               | yes      | true and false",
                "queues                 | many     | a whole number",
                "imageMode              | direct   | read_only, copy_on_write, in_place",
                "handler                | NoClass  | NoClass",
                "handler                | java.lang.String | is no handler",
                "cleanup                | later    | default, always, on_success, never",
                "requestTimeout         | 5 weeks  | a whole number and ms, s, m or h",
                "failOnHandlerException | 0        | true and false",
                "unavailable            | ignore   | default, fail, skip",
                "cacheLimit             | much     | Not a size",
                "journalEntries         | all      | a whole number",
                "seed                   | 1.5      | a whole number from -2^63",
                "placement              | here     | automatic, server_process, test_jvm",
                "artifacts              | often    | default, on_failure, always, never",
            })
    void aBadValueIsNamedWithItsParameterAndWhatIsAllowed(String parameter, String value, String allowed) {
        Run run = Run.of(Unset.class).with("junit.dblock." + parameter, value);
        if (parameter.equals("imageMode")) {
            run.with(DblockParameters.IMAGE, "a.img");
        }
        Throwable failure = run.expectOneFailure();
        assertThat(failure)
                .hasMessageContaining("junit.dblock." + parameter)
                .hasMessageContaining(value)
                .hasMessageContaining(allowed);
        assertThat(lab.log).isEmpty();
    }
}

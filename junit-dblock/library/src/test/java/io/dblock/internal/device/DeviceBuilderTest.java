// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.CacheMode;
import io.dblock.DblockException;
import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.ModuleUnavailableException;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.ImageMode;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestHandler;
import io.dblock.handler.WriteFlags;
import io.dblock.internal.kernel.DeviceParameters;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Tests of what the builder and the spec accept and refuse. */
class DeviceBuilderTest {
    private static BlockDevice.Builder builder() {
        return new DeviceBuilder().size("64MiB");
    }

    @Test
    void theDefaultsAreThoseTheBuilderDocuments() {
        DeviceSpec spec = builder().spec();
        assertThat(spec.name()).isEmpty();
        assertThat(spec.size()).isEqualTo(64 << 20);
        assertThat(spec.logicalBlockSize()).isEqualTo(512);
        assertThat(spec.physicalBlockSize()).isEqualTo(512);
        assertThat(spec.ioMin()).isEqualTo(512);
        assertThat(spec.ioOptimal()).isZero();
        assertThat(spec.queues()).isEqualTo(1);
        assertThat(spec.depth()).isEqualTo(64);
        assertThat(spec.maxIo()).isEqualTo(1 << 20);
        assertThat(spec.readOnly()).isFalse();
        assertThat(spec.rotational()).isFalse();
        assertThat(spec.cache()).isEqualTo(CacheMode.WRITE_BACK);
        assertThat(spec.fua()).isFalse();
        assertThat(spec.discard()).isTrue();
        assertThat(spec.writeZeroes()).isTrue();
        assertThat(spec.stableWrites()).isFalse();
        assertThat(spec.requestTimeout()).isEqualTo(Duration.ofSeconds(30));
        assertThat(spec.filesystem()).isEqualTo(Filesystem.NONE);
        assertThat(spec.image()).isEmpty();
    }

    @Test
    void aSpecGoesThroughTheBuilderUnchanged() {
        DeviceSpec spec = builder()
                .name("wal")
                .logicalBlockSize(4096)
                .physicalBlockSize(8192)
                .ioMin(16384)
                .ioOptimal(32768)
                .queues(4)
                .depth(7)
                .maxIo(8192)
                .readOnly(true)
                .rotational(true)
                .fua(true)
                .discard(false)
                .writeZeroes(false)
                .stableWrites(true)
                .requestTimeout(Duration.ofMillis(5))
                .filesystem(Filesystem.EXT4)
                .mkfsOptions("-b", "4096")
                .mountOptions("discard")
                .image(Path.of("x"), ImageMode.COPY_ON_WRITE)
                .spec();
        assertThat(new DeviceBuilder().spec(spec).spec()).isEqualTo(spec);
    }

    @Test
    void thePrefixIsPutInFrontOfANameThatLacksIt() {
        assertThat(builder().name("wal").spec().name()).isEqualTo("dblockwal");
        assertThat(builder().name("dblockwal").spec().name()).isEqualTo("dblockwal");
    }

    @Test
    void aReadOnlyImageMakesAReadOnlyDevice() {
        assertThat(builder().image(Path.of("x"), ImageMode.READ_ONLY).spec().readOnly())
                .isTrue();
    }

    static Stream<Arguments> refused() {
        return Stream.of(
                refusal("name is a/b", b -> b.name("a/b")),
                refusal("name is dblock.", b -> b.name("dblock")),
                refusal("name is ctl", b -> b.name("ctl")),
                refusal("at most 27", b -> b.name("abcdefghijklmnopqrstuvwxyz")),
                refusal("size is 0", b -> b.size(0)),
                refusal("size is -512", b -> b.size(-512)),
                refusal("size is 1000", b -> b.size(1000)),
                refusal("multiples of the logical block (4096", b -> b.size(512).logicalBlockSize(4096)),
                refusal("logicalBlockSize is 256", b -> b.logicalBlockSize(256)),
                refusal("logicalBlockSize is 8192", b -> b.logicalBlockSize(8192)),
                refusal("logicalBlockSize is 1000", b -> b.logicalBlockSize(1000)),
                refusal("physicalBlockSize is 512", b -> b.logicalBlockSize(4096)
                        .physicalBlockSize(512)),
                refusal("physicalBlockSize is 131072", b -> b.physicalBlockSize(131072)),
                refusal("physicalBlockSize is 3000", b -> b.physicalBlockSize(3000)),
                refusal("ioMin is 1000", b -> b.ioMin(1000)),
                refusal("ioMin is -512", b -> b.ioMin(-512)),
                refusal("ioOptimal is 1000", b -> b.ioOptimal(1000)),
                refusal("ioOptimal is -512", b -> b.ioOptimal(-512)),
                refusal("queues is 0", b -> b.queues(0)),
                refusal("queues is 65", b -> b.queues(65)),
                refusal("depth is 0", b -> b.depth(0)),
                refusal("depth is 4097", b -> b.depth(4097)),
                refusal("maxIo is 2048", b -> b.maxIo(2048)),
                refusal("maxIo is 33554432", b -> b.maxIo(32 << 20)),
                refusal("maxIo is 4608", b -> b.logicalBlockSize(1024).maxIo(4608)),
                refusal("requestTimeout is PT0S", b -> b.requestTimeout(Duration.ZERO)),
                refusal("requestTimeout is PT25H", b -> b.requestTimeout(Duration.ofHours(25))),
                refusal("journalEntries is 1000.", b -> b.journalEntries(1000)),
                refusal("journalEntries is 512", b -> b.journalEntries(512)),
                refusal("journalEntries is 2097152", b -> b.journalEntries(1 << 21)),
                refusal("fua is true", b -> b.fua(true).cache(CacheMode.NONE)),
                refusal("mkfsOptions is [-q]", b -> b.mkfsOptions("-q")),
                refusal("mountOptions is [-o]", b -> b.filesystem(Filesystem.EXT4)
                        .mountOptions("-o")),
                refusal("XFS needs at least 300MiB", b -> b.filesystem(Filesystem.XFS)),
                refusal("BTRFS needs at least 109MiB", b -> b.filesystem(Filesystem.BTRFS)),
                refusal("EXT4 needs at least 256KiB", b -> b.size(4096).filesystem(Filesystem.EXT4)),
                refusal("mountOptions is [discard]", b -> b.mountOptions("discard")),
                refusal("readOnly is true", b -> b.readOnly(true).filesystem(Filesystem.EXT4)));
    }

    private static Arguments refusal(String message, UnaryOperator<BlockDevice.Builder> change) {
        return Arguments.of(message, change);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("refused")
    void whatIsOutOfRangeIsNamedWithWhatIsAllowed(String message, UnaryOperator<BlockDevice.Builder> change) {
        // Every error must come before the kernel is used, so the test calls create().
        assertThatThrownBy(() -> change.apply(builder()).create())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message)
                .hasMessageFindingMatch("Allowed:|Make the device larger");
    }

    @Test
    void aSizeInWordsIsParsedAtOnce() {
        assertThatThrownBy(() -> builder().size("big")).isInstanceOf(IllegalArgumentException.class);
    }

    private static final class Nothing implements BlockHandler {
        @Override
        public void read(long offset, ByteBuffer dst) {}

        @Override
        public void write(long offset, ByteBuffer src, WriteFlags flags) {}
    }

    @Test
    void twoHandlersAreRefused() {
        RequestHandler lambda = request -> request.complete();
        assertThatThrownBy(
                        () -> builder().handler(lambda).handler(new Nothing()).create())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("one of them");
    }

    @Test
    void aHandlerAndAnImageAreRefused() {
        assertThatThrownBy(() -> builder()
                        .handler(new Nothing())
                        .image(Path.of("disk.img"), ImageMode.IN_PLACE)
                        .create())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("disk.img");
    }

    @Test
    void aMissingImageIsNamedBeforeTheModuleIsLookedFor() {
        assertThatThrownBy(() -> new DeviceBuilder()
                        .image(Path.of("/no/such/disk.img"), ImageMode.IN_PLACE)
                        .create())
                .isInstanceOf(DblockException.class)
                .isNotInstanceOf(ModuleUnavailableException.class)
                .hasMessageContaining("/no/such/disk.img");
    }

    @Test
    void theModuleIsAskedForWhatTheSpecSays() {
        DeviceSpec spec = builder()
                .name("wal")
                .logicalBlockSize(1024)
                .physicalBlockSize(2048)
                .ioMin(4096)
                .ioOptimal(8192)
                .queues(3)
                .depth(5)
                .maxIo(16384)
                .rotational(true)
                .fua(true)
                .stableWrites(true)
                .requestTimeout(Duration.ofMillis(1500))
                .spec();
        assertThat(DeviceFactory.parameters(spec, EnumSet.allOf(Operation.class)))
                .isEqualTo(new DeviceParameters(
                        "dblockwal",
                        64 << 20,
                        1024,
                        2048,
                        4096,
                        8192,
                        3,
                        5,
                        16384,
                        1500,
                        0,
                        1 << 30,
                        1 << 30,
                        EnumSet.of(
                                DeviceParameters.Flag.WRITE_CACHE,
                                DeviceParameters.Flag.FUA,
                                DeviceParameters.Flag.ROTATIONAL,
                                DeviceParameters.Flag.STABLE_WRITES)));
    }

    @Test
    void aDiskWithoutContentHasNoPartitionsToLookFor() {
        assertThat(DeviceFactory.isBlank(builder().filesystem(Filesystem.EXT4).spec()))
                .isTrue();
        assertThat(DeviceFactory.isBlank(
                        builder().image(Path.of("/image"), ImageMode.READ_ONLY).spec()))
                .isFalse();
        assertThat(DeviceFactory.isBlank(builder().zoneSize("4MiB").spec()))
                .as("it is asked for its zones when it starts")
                .isFalse();
    }

    @Test
    void whatTheHandlerCannotDoIsNotAdvertised() {
        DeviceParameters parameters = DeviceFactory.parameters(builder().spec(), EnumSet.of(Operation.READ));
        assertThat(parameters.maxDiscard()).isZero();
        assertThat(parameters.maxWriteZeroes()).isZero();
        assertThat(parameters.flags()).contains(DeviceParameters.Flag.READ_ONLY);
    }

    @Test
    void whatTheSpecForbidsIsNotAdvertised() {
        DeviceParameters parameters = DeviceFactory.parameters(
                builder()
                        .discard(false)
                        .writeZeroes(false)
                        .cache(CacheMode.NONE)
                        .spec(),
                EnumSet.allOf(Operation.class));
        assertThat(parameters.maxDiscard()).isZero();
        assertThat(parameters.maxWriteZeroes()).isZero();
        assertThat(parameters.flags()).isEmpty();
    }

    @Test
    void deviceNumbersAreThoseOfStat() {
        assertThat(DeviceNode.number(259, 0)).isEqualTo(0x10300L);
        assertThat(DeviceNode.number(8, 17)).isEqualTo(0x811L);
        assertThat(DeviceNode.number(259, 300)).isEqualTo(0x11032cL);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.engines;

import static io.dblock.Filesystem.EXT4;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.connect.converters.ByteArrayConverter;
import org.apache.kafka.connect.runtime.standalone.StandaloneConfig;
import org.apache.kafka.connect.storage.FileOffsetBackingStore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * A standalone worker of Kafka Connect keeps the offsets of its connectors, how far each has come, in a file. It truncates the
 * file and writes it anew. If the disk is full, that fails, and the file is left with the beginning of the new offsets. The next
 * start takes such a file for none: all connectors begin again from the start of their sources, and nobody is told. So do 3.9.2
 * and 4.1.1; there is no version without.
 */
class KafkaConnectIT {
    private static final Map<ByteBuffer, ByteBuffer> FEW = offsets(10);
    private static final Map<ByteBuffer, ByteBuffer> MANY = offsets(10_000);

    @DblockDevice(size = "16MiB", filesystem = EXT4)
    BlockDevice disk;

    private FileOffsetBackingStore store;

    @BeforeEach
    void start() {
        store = new FileOffsetBackingStore(new ByteArrayConverter());
        store.configure(new StandaloneConfig(Map.of(
                StandaloneConfig.OFFSET_STORAGE_FILE_FILENAME_CONFIG,
                disk.mount().resolve("offsets").toString(),
                StandaloneConfig.KEY_CONVERTER_CLASS_CONFIG,
                ByteArrayConverter.class.getName(),
                StandaloneConfig.VALUE_CONVERTER_CLASS_CONFIG,
                ByteArrayConverter.class.getName())));
        store.start();
    }

    @AfterEach
    void stop() {
        store.stop();
        System.gc(); // closes the file, which Kafka leaves open if it cannot write it
    }

    @Test
    void aWorkerThatRestartsAfterAFullDiskHasNoOffsetsAtAll() throws Exception {
        store.set(FEW, null).get();
        disk.fill(0);
        assertThatThrownBy(() -> store.set(MANY, null).get()).hasRootCauseMessage("No space left on device");
        disk.free();

        stop();
        start();

        assertThat(store.get(FEW.keySet()).get()).hasSize(FEW.size()).allSatisfy((key, offset) -> assertThat(offset)
                .isNull());
    }

    /** The control: the same, and the worker stores its offsets again before it ends. */
    @Test
    void aWorkerThatStoresItsOffsetsAgainHasThem() throws Exception {
        store.set(FEW, null).get();
        disk.fill(0);
        assertThatThrownBy(() -> store.set(MANY, null).get()).hasRootCauseMessage("No space left on device");
        disk.free();
        store.set(FEW, null).get();

        stop();
        start();

        assertThat(store.get(MANY.keySet()).get()).isEqualTo(MANY);
    }

    private static Map<ByteBuffer, ByteBuffer> offsets(int number) {
        return IntStream.range(0, number)
                .boxed()
                .collect(Collectors.toMap(
                        i -> ByteBuffer.wrap(("[\"connector\",{\"file\":" + i + "}]").getBytes(UTF_8)),
                        i -> ByteBuffer.wrap(("{\"line\":" + i + "}").getBytes(UTF_8))));
    }
}

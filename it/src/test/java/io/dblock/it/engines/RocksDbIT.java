// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.engines;

import static io.dblock.Filesystem.EXT4;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.it.support.Poll;
import io.dblock.junit.DblockDevice;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.rocksdb.FlushOptions;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.TransactionDB;
import org.rocksdb.TransactionDBOptions;

/**
 * A compaction of RocksDB finds the disk full. When there is space again, a database goes on by itself. A database with
 * transactions does not: it refuses each write with the old error until it is opened anew
 * (https://github.com/facebook/rocksdb/issues/9762, open in 10.10.1).
 */
class RocksDbIT {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final byte[] KEY = "key".getBytes(UTF_8);

    @DblockDevice(size = "64MiB", filesystem = EXT4)
    BlockDevice disk;

    private final Options options =
            new Options().setCreateIfMissing(true).setWriteBufferSize(4 << 20).setDisableAutoCompactions(true);
    private final TransactionDBOptions transactions = new TransactionDBOptions();

    @AfterEach
    void close() {
        options.close();
        transactions.close();
    }

    @Test
    void onlyADatabaseWithoutTransactionsGoesOnAfterAFullDisk() throws Exception {
        Path directory = disk.mount();
        try (RocksDB plain = RocksDB.open(options, directory.resolve("plain").toString());
                RocksDB transactional = openTransactional()) {
            writeTwoFiles(plain);
            writeTwoFiles(transactional);
            disk.fill(0);
            assertDiskIsFull(plain::compactRange);
            assertDiskIsFull(transactional::compactRange);
            disk.free();

            Poll.until("the database without transactions to compact", LIMIT, () -> compacts(plain));
            plain.put(KEY, KEY);
            assertDiskIsFull(() -> transactional.put(KEY, KEY)); // so it says
        }
        try (RocksDB reopened = openTransactional()) {
            reopened.put(KEY, KEY);
            reopened.compactRange();
        }
    }

    private RocksDB openTransactional() throws RocksDBException {
        String directory = disk.mount().resolve("transactional").toString();
        return TransactionDB.open(options, transactions, directory);
    }

    /** Of 2 MiB each, with the same keys, so that there is something to compact. */
    private static void writeTwoFiles(RocksDB database) throws RocksDBException {
        Random random = new Random(1);
        for (int file = 0; file < 2; file++) {
            for (int i = 0; i < 2048; i++) {
                byte[] value = new byte[1024];
                random.nextBytes(value);
                database.put(Integer.toString(i).getBytes(UTF_8), value);
            }
            try (FlushOptions flush = new FlushOptions()) {
                database.flush(flush);
            }
        }
    }

    private static void assertDiskIsFull(ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOf(RocksDBException.class).hasMessageContaining("No space left on device");
    }

    private static boolean compacts(RocksDB database) {
        try {
            database.compactRange();
            return true;
        } catch (RocksDBException e) {
            assertThat(e).hasMessageContaining("No space left on device");
            return false;
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.engines;

import static io.dblock.Filesystem.EXT4;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import io.dblock.power.Survivors;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.OpCode;
import org.apache.zookeeper.server.DataTree;
import org.apache.zookeeper.server.Request;
import org.apache.zookeeper.server.persistence.FileTxnSnapLog;
import org.apache.zookeeper.txn.CreateTxn;
import org.apache.zookeeper.txn.TxnHeader;
import org.junit.jupiter.api.Test;

/**
 * ZooKeeper begins a new transaction log, and the power is cut before the first commit to it. The file is there, and empty: a
 * filesystem makes names durable by themselves now and then, and not data. Until 3.9.2 the server does not start again
 * (ZOOKEEPER-2332, found in 2015). 3.9.3 has all that was committed.
 */
class ZooKeeperIT {

    @DblockDevice(size = "64MiB", filesystem = EXT4)
    BlockDevice disk;

    @Test
    void version392DoesNotStartAgain() throws Exception {
        try (Engine zooKeeper = Engine.of("zookeeper", "3.9.2");
                BlockDevice afterCut = cutInANewLog(zooKeeper)) {
            assertThatThrownBy(() -> restore(zooKeeper, afterCut)).isInstanceOf(EOFException.class);
            assertThatThrownBy(() -> restore(zooKeeper, afterCut)).isInstanceOf(EOFException.class); // at each start
        }
    }

    @Test
    void version393HasAllThatWasCommitted() throws Exception {
        try (Engine zooKeeper = Engine.of("zookeeper", "3.9.3");
                BlockDevice afterCut = cutInANewLog(zooKeeper)) {
            assertThat(restore(zooKeeper, afterCut)).isEqualTo(10);
        }
    }

    /** Commits ten transactions, begins a new log with the eleventh, and cuts the power. */
    private BlockDevice cutInANewLog(Engine zooKeeper) throws Exception {
        try (Log log = zooKeeper.create(Log.class, TransactionLog.class)) {
            log.writeTenAndBeginAnother(disk.mount());
            disk.syncNames();
            return disk.fork(Survivors.NONE);
        }
    }

    private static long restore(Engine zooKeeper, BlockDevice disk) throws Exception {
        try (Log log = zooKeeper.create(Log.class, TransactionLog.class)) {
            return log.restore(disk.mount());
        }
    }

    /** What the test knows of ZooKeeper's log. */
    public interface Log extends Closeable {
        void writeTenAndBeginAnother(Path directory) throws IOException;

        /** Does what a server does when it starts. Returns the last transaction that it finds. */
        long restore(Path directory) throws IOException;
    }

    static final class TransactionLog implements Log {
        private FileTxnSnapLog log;

        @Override
        public void writeTenAndBeginAnother(Path directory) throws IOException {
            log = new FileTxnSnapLog(directory.toFile(), directory.toFile());
            log.save(new DataTree(), new ConcurrentHashMap<>(), true);
            for (int id = 1; id <= 10; id++) {
                log.append(transaction(id));
                log.commit();
            }
            log.rollLog();
            log.append(transaction(11));
        }

        private static Request transaction(int id) {
            CreateTxn create = new CreateTxn("/" + id, "data".getBytes(UTF_8), Ids.OPEN_ACL_UNSAFE, false, id);
            return new Request(1, id, OpCode.create, new TxnHeader(1, id, id, id, OpCode.create), create, id);
        }

        @Override
        public long restore(Path directory) throws IOException {
            log = new FileTxnSnapLog(directory.toFile(), directory.toFile());
            return log.restore(new DataTree(), new ConcurrentHashMap<>(), (header, transaction, digest) -> {});
        }

        @Override
        public void close() throws IOException {
            log.close();
        }
    }
}

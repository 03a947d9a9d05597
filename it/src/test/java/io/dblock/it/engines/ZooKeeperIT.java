// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.engines;

import static io.dblock.Filesystem.EXT4;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashTest;
import io.dblock.it.support.Verdict;
import io.dblock.junit.DblockDevice;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
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

    // The filesystem makes a name durable when it is asked to.
    @DblockDevice(size = "64MiB", filesystem = EXT4, mountOptions = "commit=3600")
    BlockDevice disk;

    @Test
    void version392DoesNotStartAgain() throws Exception {
        try (Engine zooKeeper = Engine.of("zookeeper", "3.9.2")) {
            AssertionError failure =
                    Verdict.of("ZooKeeper 3.9.2", test(zooKeeper)).isLoss(disk, () -> test(zooKeeper));
            assertThat(failure).hasMessageContaining("EOFException");
        }
    }

    @Test
    void version393HasAllThatWasCommitted() throws Exception {
        try (Engine zooKeeper = Engine.of("zookeeper", "3.9.3")) {
            Verdict.of("ZooKeeper 3.9.3", test(zooKeeper)).isNoLoss(30);
        }
    }

    /** Commits ten transactions, and the eleventh to a new log. */
    private CrashTest test(Engine zooKeeper) throws Exception {
        try (Log log = log(zooKeeper)) {
            log.open(disk.mount());
            log.snapshot();
        }
        return CrashTest.of(disk)
                .workload(run -> {
                    try (Log log = log(zooKeeper)) {
                        log.open(disk.mount());
                        for (int id = 1; id <= 10; id++) {
                            log.append(id);
                            log.commit();
                            run.acknowledge(id);
                        }
                        log.roll();
                        log.append(11);
                        disk.syncNames();
                        log.commit();
                        run.acknowledge(11);
                    }
                })
                .check(state -> {
                    try (Log log = log(zooKeeper)) {
                        log.open(state.mount());
                        assertThat(log.restore())
                                .isGreaterThanOrEqualTo(
                                        state.acknowledged(Integer.class).size());
                    }
                })
                .within(Duration.ofSeconds(30));
    }

    private static Log log(Engine zooKeeper) throws ReflectiveOperationException {
        return zooKeeper.create(Log.class, TransactionLog.class);
    }

    /** What the test knows of ZooKeeper's log. */
    public interface Log extends Closeable {
        void open(Path directory) throws IOException;

        void snapshot() throws IOException;

        void append(int id) throws IOException;

        void commit() throws IOException;

        /** Has the next transaction go to a new file. */
        void roll() throws IOException;

        /** Does what a server does when it starts. Returns the last transaction that it finds. */
        long restore() throws IOException;
    }

    static final class TransactionLog implements Log {
        private FileTxnSnapLog log;

        @Override
        public void open(Path directory) throws IOException {
            log = new FileTxnSnapLog(directory.toFile(), directory.toFile());
        }

        @Override
        public void snapshot() throws IOException {
            log.save(new DataTree(), new ConcurrentHashMap<>(), true);
        }

        @Override
        public void append(int id) throws IOException {
            CreateTxn create = new CreateTxn("/" + id, "data".getBytes(UTF_8), Ids.OPEN_ACL_UNSAFE, false, id);
            log.append(new Request(1, id, OpCode.create, new TxnHeader(1, id, id, id, OpCode.create), create, id));
        }

        @Override
        public void commit() throws IOException {
            log.commit();
        }

        @Override
        public void roll() throws IOException {
            log.rollLog();
        }

        @Override
        public long restore() throws IOException {
            return log.restore(new DataTree(), new ConcurrentHashMap<>(), (header, transaction, digest) -> {});
        }

        @Override
        public void close() throws IOException {
            log.close();
        }
    }
}

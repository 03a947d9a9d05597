// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.engines;

import static io.dblock.Filesystem.EXT4;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.it.support.Commands;
import io.dblock.junit.DblockDevice;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.apache.activemq.artemis.core.io.nio.NIOSequentialFileFactory;
import org.apache.activemq.artemis.core.journal.RecordInfo;
import org.apache.activemq.artemis.core.journal.impl.JournalImpl;
import org.junit.jupiter.api.Test;

/**
 * A transaction of the message broker Artemis begins in one file of its journal and ends in the next. The commit syncs the file
 * it is in. Up to 2.9.0 nothing syncs the file before: a power cut takes that part of an acknowledged transaction, and the
 * other part is loaded as if it were the whole. 2.10.0 syncs a file before it closes it
 * (ARTEMIS-2414, https://github.com/apache/artemis/pull/2740).
 */
class ArtemisIT {
    private static final int FILE_SIZE = 100 * 1024;
    private static final int RECORDS = 150;
    private static final int RECORD_SIZE = 1024;

    @DblockDevice(size = "64MiB", filesystem = EXT4)
    BlockDevice disk;

    @Test
    void version290LosesTheFirstPartOfACommittedTransaction() throws Exception {
        // The first file had room for 97 records.
        assertThat(recordsAfterCommitAndCut("2.9.0")).isEqualTo(records(97, RECORDS));
    }

    @Test
    void version2100KeepsAllOfIt() throws Exception {
        assertThat(recordsAfterCommitAndCut("2.10.0")).isEqualTo(records(0, RECORDS));
    }

    private static List<Long> records(long from, long to) {
        return LongStream.range(from, to).boxed().toList();
    }

    private List<Long> recordsAfterCommitAndCut(String version) throws Exception {
        try (Engine artemis = Engine.of("artemis", version);
                Journal journal = artemis.create(Journal.class, NioJournal.class)) {
            journal.open(disk.mount());
            Commands.run("sync"); // as if the journal's files had been there for long
            journal.commit(RECORDS);
            try (BlockDevice afterCut = disk.fork(Survivors.NONE);
                    Journal restarted = artemis.create(Journal.class, NioJournal.class)) {
                return restarted.open(afterCut.mount());
            }
        }
    }

    /** What the test knows of Artemis. */
    public interface Journal extends AutoCloseable {
        /** Returns the numbers of the records that are there. */
        List<Long> open(Path directory) throws Exception;

        /** Adds records in one transaction. */
        void commit(int records) throws Exception;

        @Override
        void close() throws IOException;
    }

    static final class NioJournal implements Journal {
        private JournalImpl journal;

        @Override
        public List<Long> open(Path directory) throws Exception {
            NIOSequentialFileFactory files = new NIOSequentialFileFactory(directory.toFile(), true, 1);
            journal = new JournalImpl(FILE_SIZE, 2, 2, 0, 0, files, "journal", "amq", 1);
            journal.start();
            List<RecordInfo> records = new ArrayList<>();
            journal.load(records, new ArrayList<>(), null);
            return records.stream().map(record -> record.id).toList();
        }

        @Override
        public void commit(int records) throws Exception {
            long transaction = records;
            for (int id = 0; id < records; id++) {
                journal.appendAddRecordTransactional(transaction, id, (byte) 0, new byte[RECORD_SIZE]);
            }
            journal.appendCommitRecord(transaction, true);
        }

        @Override
        public void close() throws IOException {
            try {
                journal.stop();
            } catch (Exception e) {
                throw new IOException("The journal does not stop", e);
            }
        }
    }
}

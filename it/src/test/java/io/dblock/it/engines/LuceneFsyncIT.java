// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.engines;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Errno.EIO;
import static io.dblock.handler.Operation.WRITE;
import static io.dblock.handler.RequestFlag.META;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.fault.Fault;
import io.dblock.it.support.Commands;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.StoredField;
import org.apache.lucene.index.CheckIndex;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.store.Directory;
import org.apache.lucene.store.FSDirectory;
import org.junit.jupiter.api.Test;

/**
 * Lucene closes a file that it has written, and opens it again to sync it. The kernel tells a write error once, to those who
 * have the file open, and forgets it with the file's inode, which it drops when memory is short. So a commit succeeds although
 * data was lost, and the index is damaged (https://github.com/apache/lucene/issues/14334, open in 9.12.3 and 10).
 */
class LuceneFsyncIT {

    @DblockDevice(size = "64MiB", filesystem = EXT4)
    BlockDevice disk;

    @Test
    void aCommitSucceedsAfterAWriteErrorThatTheKernelHasForgotten() throws Exception {
        try (Directory directory = FSDirectory.open(disk.mount());
                IndexWriter writer = writerOfUnsyncedFiles(directory)) {
            failOneWriteOf(disk::dropCaches);
            writer.commit();
        }
        assertThat(indexIsIntact()).isFalse();
    }

    /** The control: the same error, and the kernel still knows it. */
    @Test
    void aCommitFailsAfterAWriteErrorThatTheKernelKnows() throws Exception {
        try (Directory directory = FSDirectory.open(disk.mount());
                IndexWriter writer = writerOfUnsyncedFiles(directory)) {
            failOneWriteOf(() -> Commands.run("sync"));
            assertThatThrownBy(writer::commit)
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("Input/output error");
        }
    }

    private static IndexWriter writerOfUnsyncedFiles(Directory directory) throws IOException {
        IndexWriter writer = new IndexWriter(
                directory, new IndexWriterConfig().setUseCompoundFile(false).setCommitOnClose(false));
        for (int i = 0; i < 1000; i++) {
            Document document = new Document();
            document.add(new StoredField("number", "document " + i));
            writer.addDocument(document);
        }
        writer.flush(); // writes the files, and does not sync them
        return writer;
    }

    /** The filesystem's own data is spared: an error there is another story. */
    private void failOneWriteOf(Runnable writeback) {
        try (Fault fault = disk.faults()
                .on(WRITE)
                .matching(write -> !write.has(META))
                .times(1)
                .fail(EIO)) {
            writeback.run();
            assertThat(fault.hits()).isEqualTo(1);
        }
    }

    private boolean indexIsIntact() throws IOException {
        disk.remount();
        try (Directory directory = FSDirectory.open(disk.mount());
                CheckIndex check = new CheckIndex(directory)) {
            return check.checkIndex().clean;
        }
    }
}

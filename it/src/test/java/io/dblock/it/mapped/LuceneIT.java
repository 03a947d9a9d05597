// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.mapped;

import static io.dblock.Filesystem.EXT4;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.IntField;
import org.apache.lucene.document.StringField;
import org.apache.lucene.document.TextField;
import org.apache.lucene.index.CheckIndex;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.TermQuery;
import org.apache.lucene.store.Directory;
import org.apache.lucene.store.MMapDirectory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Lucene, which reads its index through memory, on a disk of the test, while garbage is collected all the time. */
class LuceneIT {
    private static final int BATCHES = 3;
    private static final int DOCUMENTS = 120;
    private static final int COLLECTIONS = 20;

    @Test
    @Timeout(value = 10, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void anIndexOnTheDiskIsWrittenAndSearchedWhileGarbageIsCollectedAllTheTime(
            @DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        try (Directory directory = new MMapDirectory(index(disk))) {
            // Its classes are loaded without being interrupted all the time.
            add(directory, 0);
        }
        try (ForcedCollections collections = new ForcedCollections()) {
            for (int batch = 1; batch < BATCHES || collections.done() < COLLECTIONS; batch++) {
                try (Directory directory = new MMapDirectory(index(disk))) {
                    add(directory, batch);
                }
                disk.remount();
                long read = disk.statistics().bytesRead();
                try (Directory directory = new MMapDirectory(index(disk))) {
                    search(directory, batch + 1);
                }
                assertThat(disk.statistics().bytesRead() - read)
                        .as("bytes that the searches had to read from the disk")
                        .isPositive();
            }
            assertThat(collections.done()).as("garbage collections").isGreaterThanOrEqualTo(COLLECTIONS);
        }
        disk.remount();
        try (Directory directory = new MMapDirectory(index(disk));
                CheckIndex check = new CheckIndex(directory)) {
            assertThat(check.checkIndex().clean)
                    .as("Lucene's own check of the index")
                    .isTrue();
        }
    }

    private static Path index(BlockDevice disk) {
        return disk.mount().resolve("index");
    }

    private static void add(Directory directory, int batch) throws IOException {
        try (IndexWriter writer = new IndexWriter(directory, new IndexWriterConfig(new StandardAnalyzer()))) {
            for (int i = 0; i < DOCUMENTS; i++) {
                int number = batch * DOCUMENTS + i;
                Document document = new Document();
                document.add(new StringField("number", Integer.toString(number), Field.Store.YES));
                document.add(new IntField("value", number * 7, Field.Store.NO));
                document.add(new TextField(
                        "text",
                        "every document has common words, " + (i % 10 == 0 ? "some are decimal, " : "")
                                + "each is of batch" + batch,
                        Field.Store.YES));
                writer.addDocument(document);
                if (i % 100 == 0) {
                    writer.commit();
                }
            }
            writer.commit();
        }
    }

    private static void search(Directory directory, int batches) throws IOException {
        try (DirectoryReader reader = DirectoryReader.open(directory)) {
            IndexSearcher searcher = new IndexSearcher(reader);
            assertThat(count(searcher, "text", "common")).isEqualTo(batches * DOCUMENTS);
            assertThat(count(searcher, "text", "decimal")).isEqualTo(batches * DOCUMENTS / 10);
            for (int batch = 0; batch < batches; batch++) {
                assertThat(count(searcher, "text", "batch" + batch)).isEqualTo(DOCUMENTS);
            }
            assertThat(searcher.count(IntField.newRangeQuery("value", 0, DOCUMENTS * 7 - 1)))
                    .isEqualTo(DOCUMENTS);
            for (int number = 0; number < batches * DOCUMENTS; number += 37) {
                String text = Integer.toString(number);
                int found = searcher.search(new TermQuery(new Term("number", text)), 1).scoreDocs[0].doc;
                assertThat(searcher.storedFields().document(found).get("number"))
                        .isEqualTo(text);
            }
        }
    }

    private static int count(IndexSearcher searcher, String field, String word) throws IOException {
        return searcher.count(new TermQuery(new Term(field, word)));
    }
}

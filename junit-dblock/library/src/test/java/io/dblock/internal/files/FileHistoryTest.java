// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.files;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.handler.Place;
import io.dblock.handler.Place.Kind;
import java.util.List;
import org.junit.jupiter.api.Test;

class FileHistoryTest {
    private final FileHistory history = new FileHistory();

    /** Looks when the journal has this many entries. */
    private void look(long sequence, String... fileAtBlock) {
        history.add(sequence, sequence, map(true, fileAtBlock));
    }

    /** A map with one file in each block of 10 bytes; an empty name is a free block. */
    private static FileMap map(boolean complete, String... fileAtBlock) {
        List<Place> places = new java.util.ArrayList<>();
        for (int i = 0; i < fileAtBlock.length; i++) {
            if (!fileAtBlock[i].isEmpty()) {
                places.add(new Place(i * 10L, 10, Kind.FILE, fileAtBlock[i], 0));
            }
        }
        return new FileMap(places, complete);
    }

    private String at(long sequence, int block) {
        return Place.list(history.places(sequence, block * 10L, 10)).replace(" +0..9", "");
    }

    @Test
    void theNextLookExplainsAWriteOfANewFile() {
        look(5);
        look(10, "a");
        assertThat(at(7, 0)).isEqualTo("a");
        assertThat(at(10, 0)).isEqualTo("a");
    }

    @Test
    void anEarlierLookIsRightForTheRequestsAfterIt() {
        look(5, "a", "b");
        look(10, "b", "c");
        assertThat(at(7, 0)).isEqualTo("a");
        assertThat(at(7, 1)).isEqualTo("b");
        assertThat(at(11, 0)).isEqualTo("b");
        assertThat(at(11, 1)).isEqualTo("c");
    }

    @Test
    void aFileThatNoLookHasSeenIsNotGuessed() {
        look(5);
        look(10);
        look(20, "later");
        assertThat(at(7, 0))
                .as("written before the look at 10, which knows nothing of it")
                .isEmpty();
        assertThat(at(15, 0)).isEqualTo("later");
    }

    @Test
    void aLookThatMissedSomethingDoesNotExcludeLaterOnes() {
        look(5);
        history.add(10, 10, map(false, "", "x"));
        look(20, "a");
        assertThat(at(7, 0)).isEqualTo("a");
        assertThat(at(7, 1)).isEqualTo("x");
    }

    @Test
    void aLookThatMissedSomethingDoesNotHideEarlierOnes() {
        look(5, "a");
        history.add(10, 10, map(false, "", "x"));
        look(20, "b", "b");
        assertThat(at(15, 0)).isEqualTo("a");
        assertThat(at(15, 1)).isEqualTo("x");
    }

    @Test
    void aLookThatARequestCameInIsNotTheLastWord() {
        look(5);
        history.add(10, 14, map(true));
        look(20, "a");
        assertThat(at(12, 0)).isEqualTo("a");
        assertThat(at(10, 0)).isEmpty();
    }

    @Test
    void theSameSeenManyTimesIsKeptOnce() {
        for (int i = 1; i <= 10_000; i++) {
            look(i, "a", "b");
        }
        look(20_000, "c");
        assertThat(at(1, 0)).isEqualTo("a");
        assertThat(at(10_001, 0)).isEqualTo("a");
        assertThat(at(20_001, 0)).isEqualTo("c");
    }

    @Test
    void aNewFilesystemHasNothingOfTheOldOne() {
        look(5, "old");
        history.formatted(10, 20);
        history.parts(new FileMap(List.of(new Place(0, 10, Kind.FILESYSTEM, "superblock", 0)), true));
        look(30, "", "new");
        assertThat(at(7, 0)).isEqualTo("old");
        assertThat(at(15, 0)).as("written by mkfs").isEqualTo("superblock");
        assertThat(at(15, 1)).as("written by mkfs, which knows no files").isEmpty();
        assertThat(at(25, 1)).isEqualTo("new");
    }

    @Test
    void aFileIsPreferredToAPartThatWasThereWhenTheFilesystemWasMade() {
        history.parts(new FileMap(List.of(new Place(0, 20, Kind.FILESYSTEM, "index", 0)), true));
        look(5, "file");
        assertThat(at(7, 0)).isEqualTo("file");
        assertThat(at(7, 1)).isEqualTo("index");
    }

    @Test
    void afterAPowerCutWhatWasSeenBeforeIsNotUsed() {
        look(5, "lost");
        history.cut(10);
        look(20, "recovered");
        assertThat(at(7, 0)).isEqualTo("lost");
        assertThat(at(15, 0)).isEqualTo("recovered");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.files;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.handler.Place;
import io.dblock.handler.Place.Kind;
import java.util.List;
import org.junit.jupiter.api.Test;

class FileMapTest {
    private static final int MOST = 100;

    private static FileMap map(Place... places) {
        return new FileMap(List.of(places), true);
    }

    private static Place file(long offset, long length, String name, long inside) {
        return new Place(offset, length, Kind.FILE, name, inside);
    }

    @Test
    void aRangeIsCutToWhatWasAskedFor() {
        FileMap map = map(file(1000, 1000, "a", 5000));
        assertThat(FileMap.places(List.of(map), 1100, 50, MOST)).containsExactly(file(1100, 50, "a", 5100));
        assertThat(FileMap.places(List.of(map), 0, 1001, MOST)).containsExactly(file(1000, 1, "a", 5000));
        assertThat(FileMap.places(List.of(map), 1999, 1000, MOST)).containsExactly(file(1999, 1, "a", 5999));
        assertThat(FileMap.places(List.of(map), 0, 1000, MOST)).isEmpty();
        assertThat(FileMap.places(List.of(map), 2000, 1000, MOST)).isEmpty();
    }

    @Test
    void whatOneMapDoesNotKnowIsLookedUpInTheNext() {
        FileMap first = map(file(100, 10, "a", 0), file(130, 10, "b", 0));
        FileMap second = map(file(0, 1000, "c", 0));
        assertThat(FileMap.places(List.of(first, second), 95, 50, MOST))
                .containsExactly(
                        file(95, 5, "c", 95),
                        file(100, 10, "a", 0),
                        file(110, 20, "c", 110),
                        file(130, 10, "b", 0),
                        file(140, 5, "c", 140));
    }

    @Test
    void extentsThatFollowEachOtherAreOne() {
        assertThat(map(file(100, 10, "a", 0), file(110, 10, "a", 10), file(120, 10, "a", 40))
                        .places())
                .containsExactly(file(100, 20, "a", 0), file(120, 10, "a", 40));
    }

    @Test
    void ofFilesThatShareBlocksTheFirstIsNamed() {
        assertThat(map(file(100, 10, "a", 0), file(105, 10, "b", 0), file(106, 2, "c", 0))
                        .places())
                .containsExactly(file(100, 10, "a", 0), file(110, 5, "b", 5));
    }

    @Test
    void thereIsALimitToTheNumberOfPlaces() {
        FileMap map = map(file(0, 1, "a", 0), file(2, 1, "b", 0), file(4, 1, "c", 0));
        assertThat(FileMap.places(List.of(map, map), 0, 100, 2)).hasSize(2);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.files;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.handler.Place;
import io.dblock.handler.Place.Kind;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class ReachTest {
    private static final int ANY = Integer.MAX_VALUE;

    @Test
    void aGlobReachesNoFurtherThanItsNames() {
        assertThat(Reach.of("table-*")).isEqualTo(new Reach("", 1));
        assertThat(Reach.of("wal/*.log")).isEqualTo(new Reach("wal", 2));
        assertThat(Reach.of("a/b/[0-9]/?")).isEqualTo(new Reach("a/b", 4));
        assertThat(Reach.of("a/*/c")).isEqualTo(new Reach("a", 3));
        assertThat(Reach.of("a/**")).isEqualTo(new Reach("a", ANY));
        assertThat(Reach.of("a/{b,c/d}.log")).isEqualTo(new Reach("a", ANY));
        assertThat(Reach.of("a\\*/b")).isEqualTo(new Reach("", 2));
    }

    @Test
    void whatAGlobMatchesIsWithinItsReach() {
        List<String> names = List.of("a", "b", "a/a", "a/b", "b/a", "a/a/b", "a/b/a", "b/a/b/a", "*/b");
        List<String> globs =
                List.of("*", "?", "a/*", "*/b", "**", "a/**", "**/b", "{a,b/a}", "a/{a/b,b}", "[ab]/a", "\\*/b");
        for (String glob : globs) {
            Reach reach = Reach.of(glob);
            int matched = 0;
            for (String name : names) {
                if (Place.of(glob).test(new Place(0, 1, Kind.FILE, name, 0))) {
                    matched++;
                    assertThat(Path.of(name).getNameCount())
                            .as("%s of %s", name, glob)
                            .isLessThanOrEqualTo(reach.depth());
                    assertThat(name).as(glob).startsWith(reach.directory());
                }
            }
            assertThat(matched).as("names that %s matches", glob).isPositive();
        }
    }
}

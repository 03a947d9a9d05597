// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Files of random sizes and contents, known by their seed. */
public final class FileTree {

    private final long seed;
    private final TreeMap<String, byte[]> files = new TreeMap<>();

    private FileTree(long seed) {
        this.seed = seed;
    }

    /** Writes {@code count} files of up to {@code maxSize} bytes below {@code root}, and syncs each. */
    public static FileTree write(Path root, long seed, int count, int maxSize) throws IOException {
        FileTree tree = new FileTree(seed);
        Random random = new Random(seed);
        for (int i = 0; i < count; i++) {
            byte[] content = new byte[random.nextInt(maxSize)];
            random.nextBytes(content);
            String name = "d" + random.nextInt(7) + "/f" + i;
            Path file = root.resolve(name);
            Files.createDirectories(file.getParent());
            Files.write(file, content);
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.force(true);
            }
            tree.files.put(name, content);
        }
        return tree;
    }

    /** Fails unless exactly these files with these contents are below {@code root}. */
    public void verify(Path root) throws IOException {
        try (Stream<Path> found = Files.walk(root)) {
            assertThat(found.filter(Files::isRegularFile)
                            .map(file -> root.relativize(file).toString())
                            .sorted())
                    .as("files of seed %d", seed)
                    .containsExactlyElementsOf(files.keySet());
        }
        for (var file : files.entrySet()) {
            assertThat(Files.readAllBytes(root.resolve(file.getKey())))
                    .as("%s of seed %d", file.getKey(), seed)
                    .isEqualTo(file.getValue());
        }
    }
}

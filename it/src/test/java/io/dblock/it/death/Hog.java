// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Takes memory, and uses all of it again and again. The first the kernel would kill. For each line of its standard input it
 * takes {@link #PIECE} more if the line says so, goes through all that it has, and prints a line if it has found what it had
 * put there.
 */
public final class Hog {

    static final String MORE = "more";
    static final String AGAIN = "again";
    static final int PIECE = 4 << 20;
    private static final int PAGE = 4096;

    private final List<ByteBuffer> pieces = new ArrayList<>();
    private final List<Long> sums = new ArrayList<>();
    private long random = 1;

    private Hog() {}

    /** The argument is how many pieces it takes to begin with. */
    public static void main(String[] args) throws IOException {
        Files.writeString(Path.of("/proc/self/oom_score_adj"), "1000");
        Hog hog = new Hog();
        for (int i = Integer.parseInt(args[0]); i > 0; i--) {
            hog.take();
        }
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String order = orders.readLine(); order != null; order = orders.readLine()) {
            if (order.equals(MORE)) {
                hog.take();
            }
            hog.look();
            System.out.println("well");
        }
    }

    /** Fills it with what neither the kernel nor anybody else can make less of. */
    private void take() {
        ByteBuffer piece = ByteBuffer.allocateDirect(PIECE);
        for (int at = 0; at < PIECE; at += Long.BYTES) {
            random = random * 6364136223846793005L + 1442695040888963407L;
            piece.putLong(at, random);
        }
        pieces.add(piece);
        sums.add(sum(piece));
    }

    private void look() {
        for (int i = 0; i < pieces.size(); i++) {
            if (sum(pieces.get(i)) != sums.get(i)) {
                throw new AssertionError("the memory of piece " + i + " has changed");
            }
        }
    }

    /** Of two words of each page: it is the page that has to come back. */
    private static long sum(ByteBuffer piece) {
        long sum = 0;
        for (int at = 0; at < PIECE; at += PAGE) {
            sum = 31 * sum + piece.getLong(at) + piece.getLong(at + PAGE - Long.BYTES);
        }
        return sum;
    }
}

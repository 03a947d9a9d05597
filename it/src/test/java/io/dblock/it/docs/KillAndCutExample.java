// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class KillAndCutExample {

    private static final String PROGRAM = "while true; do echo paid >> ledger; echo acknowledged; done";

    @DblockDevice(size = "64MiB", filesystem = EXT4)
    BlockDevice disk;

    @Test
    void acknowledgedEntriesSurviveKill9() throws Exception {
        Path directory = disk.mount();
        runAndKill(PROGRAM, directory);

        assertTrue(entries(directory) >= 100, "100 entries were acknowledged, found: " + entries(directory));
    }

    @Test
    void acknowledgedEntriesSurviveAPowerCut() throws Exception {
        Path directory = disk.mount();
        runAndKill(PROGRAM, directory);
        disk.powerCut();
        disk.restorePower();

        assertTrue(entries(directory) >= 100, "100 entries were acknowledged, found: " + entries(directory));
    }

    static void runAndKill(String program, Path directory) throws Exception {
        Process process = new ProcessBuilder("sh", "-c", program)
                .directory(directory.toFile())
                .start();
        try (BufferedReader output = process.inputReader()) {
            for (int i = 0; i < 100; i++) {
                output.readLine();
            }
        } finally {
            process.destroyForcibly().waitFor(); // kill -9
        }
    }

    static long entries(Path directory) throws IOException {
        Path ledger = directory.resolve("ledger");
        return Files.exists(ledger) ? Files.readAllLines(ledger).size() : 0;
    }
}

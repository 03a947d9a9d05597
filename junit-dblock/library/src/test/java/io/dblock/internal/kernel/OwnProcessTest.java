// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.Native;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class OwnProcessTest {

    /** The process that locks its memory, or cannot. */
    static final class Locking {
        public static void main(String[] args) {
            System.out.println(OwnProcess.lockMemory());
            try (NativeMemory memory = NativeMemory.map(1L << 40)) {
                memory.zero(1L << 39, 1 << 20);
                System.out.println("goes on");
            }
        }
    }

    /** Of a limit below what a JVM has, a part locked would be no use, and the rest an error of a later mapping. */
    @Test
    void whoMayNotLockAllOfItsMemoryLocksNoneAndSaysWhy() {
        List<String> command = new ArrayList<>(List.of("prlimit", "--memlock=8388608:8388608"));
        if (isRoot()) {
            command.addAll(List.of("setpriv", "--bounding-set=-sys_resource,-ipc_lock"));
        }
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                Stream.of(OwnProcessTest.class, OwnProcess.class, Native.class)
                        .map(OwnProcessTest::placeOf)
                        .collect(Collectors.joining(":")),
                Locking.class.getName()));
        Command.Result result = Command.run(command);
        assertThat(result.output())
                .contains("setrlimit(RLIMIT_MEMLOCK, unlimited): EPERM")
                .contains("goes on");
        assertThat(result.exit()).isZero();
    }

    private static String placeOf(Class<?> type) {
        try {
            return Path.of(type.getProtectionDomain()
                            .getCodeSource()
                            .getLocation()
                            .toURI())
                    .toString();
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static boolean isRoot() {
        return System.getProperty("user.name").equals("root");
    }
}

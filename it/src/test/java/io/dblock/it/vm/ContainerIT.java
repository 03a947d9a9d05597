// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.it.support.Commands;
import io.dblock.it.support.OneTest;
import io.dblock.vm.ExitStatus;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** A guest of User Mode Linux as it is in an ordinary container, see {@code container.c}. */
@EnabledIf("io.dblock.vm.VmSetup#canMakeUserModeKernels")
class ContainerIT {

    private static final long LIMIT_SECONDS = 300;

    private static OrdinaryUser user;
    private static Path container;

    @BeforeAll
    static void aContainer() throws Exception {
        user = new OrdinaryUser("container");
        container = user.directory().resolveSibling("container");
        Commands.run("cc", "-O1", "-Wall", "-Werror", "-o", container, Path.of("src/test/c/container.c"));
        // Fills the cache.
        OrdinaryUser.Result result = user.run(LIMIT_SECONDS, List.of(), Map.of(), "true");
        assertThat(result.status()).as(result.output()).isZero();
    }

    private static OrdinaryUser.Result run(OrdinaryUser user, String... command) throws Exception {
        List<String> starter = List.of(
                container.toString(), "/tmp", user.directory().resolve("target").toString(), "--");
        return user.run(LIMIT_SECONDS, starter, Map.of(), command);
    }

    /** As an image of a container has it that was made without running it once. */
    @Test
    void aCacheThatLacksSomethingAndCannotBeWrittenIsSaid() throws Exception {
        OrdinaryUser.Result result = run(new OrdinaryUser("container-empty"), "true");
        assertThat(result.status()).as(result.output()).isEqualTo(ExitStatus.NOT_STARTED);
        assertThat(result.output())
                .contains("Read-only file system")
                .contains("set DBLOCK_CACHE to a directory that can be written");
    }

    @Test
    void aCommandRuns() throws Exception {
        OrdinaryUser.Result result = run(user, "sh", "-c", "id -u; echo written > target/file");
        assertThat(result.status()).as(result.output()).isZero();
        assertThat(result.output().lines()).contains("0");
        boolean onDisk = !Files.getFileStore(Path.of("/tmp")).type().equals("tmpfs");
        assertThat(result.output().contains("the guest's memory is a file in /tmp"))
                .as("the cost of memory on a disk is told: " + result.output())
                .isEqualTo(onDisk);
        assertThat(user.directory().resolve("target/file")).hasContent("written");
    }

    @Test
    void theTestOfTheQuickstartPasses() throws Exception {
        OrdinaryUser.Result result =
                run(user, user.javaCommand(OneTest.class, "io.dblock.it.quickstart.QuickstartTest"));
        assertThat(result.status()).as(result.output()).isZero();
        assertThat(result.output().lines()).contains("1 passed, 0 failed");
    }
}

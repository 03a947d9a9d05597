// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.module;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.dblock.ModuleUnavailableException;
import io.dblock.handler.Errno;
import io.dblock.internal.kernel.Abi;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModuleLoaderTest {
    @TempDir
    Path directory;

    private FakeHost host;
    private ModuleLoader loader;

    @BeforeEach
    void onAMachineWhereEverythingWorks() {
        host = new FakeHost(directory);
        loader = new ModuleLoader(
                host,
                () -> new ModuleSources(new TreeMap<>(
                        Map.of("Makefile", "all:\n".getBytes(UTF_8), "dblock.h", "// ABI".getBytes(UTF_8)))));
    }

    private String messageOfFailure() {
        ModuleUnavailableException e = catchThrowableOfType(
                ModuleUnavailableException.class, () -> loader.open().close());
        assertThat(e).as("the failure").isNotNull();
        assertThat(e)
                .hasMessageStartingWith(
                        "The kernel module dblock is not available for kernel 6.12.1-test.\nAttempted:\n");
        assertThat(e.getMessage())
                .contains("java -jar junit-dblock-cli.jar setup")
                .endsWith("Surefire's <jvm>.");
        assertThat(e.attempts()).isNotEmpty();
        for (String attempt : e.attempts()) {
            assertThat(e).hasMessageContaining("\n  " + attempt);
        }
        return e.getMessage();
    }

    @Test
    void aLoadedModuleIsUsed() {
        host.kernel.refusingToOpen(null);
        loader.open().close();
        assertThat(host.loaded).isEmpty();
        assertThat(host.commands).isEmpty();
        assertThat(loader.look()).singleElement().hasToString("already loaded: yes, version fake");
    }

    @Test
    void elseItIsBuiltAndLoadedAndNextTimeTheCachedBuildIs() {
        loader.open().close();
        assertThat(host.commands)
                .containsExactly(List.of("make", "KDIR=" + directory + "/lib/modules/6.12.1-test/build"));
        assertThat(host.loaded).hasSize(1);
        assertThat(host.loaded.get(0).toString())
                .matches(directory + "/cache/modules/6\\.12\\.1-test-x86_64-[0-9a-f]{12}/dblock\\.ko");

        host.kernel.refusingToOpen(Errno.ENOENT);
        loader.open().close();
        assertThat(host.commands).as("no second build").hasSize(1);
        assertThat(host.loaded).hasSize(2);
    }

    @Test
    void aCachedBuildNeedsNeitherHeadersNorCompiler() {
        loader.open().close();
        host.kernel.refusingToOpen(Errno.ENOENT);
        host.delete("lib/modules/6.12.1-test/build/Makefile");
        host.programs.clear();
        loader.open().close();
        assertThat(host.loaded).hasSize(2);
    }

    @Test
    void anotherVersionLoadedIsReportedAndNothingElseTried() {
        host.kernel.refusingToOpen(null).speaking(99);
        assertThat(messageOfFailure())
                .contains("another version is loaded: it speaks ABI 99, this library 1 -> rmmod dblock");
        assertThat(host.commands).isEmpty();
        assertThat(host.kernel.openSessions()).isZero();
    }

    @Test
    void anOlderModuleOfTheSameAbiIsReportedAndNothingElseTried() {
        host.kernel.refusingToOpen(null).withFeatures(Abi.FEAT_WRITE_ZEROES | Abi.FEAT_PARTIAL_ERROR);
        assertThat(messageOfFailure())
                .contains("another version is loaded: it is older than this library and lacks what that needs")
                .contains("-> rmmod dblock");
        assertThat(host.commands).isEmpty();
        assertThat(host.kernel.openSessions()).isZero();
    }

    @Test
    void aModuleThatDoesNotTellItsVersionIsReported() {
        host.kernel.refusingToOpen(null).refusingItsVersion(Errno.ENOTTY);
        assertThat(messageOfFailure()).contains("another version is loaded: it does not report its ABI: ENOTTY");
    }

    @Test
    void aNodeThatCannotBeOpenedIsReported() {
        host.kernel.refusingToOpen(Errno.EACCES);
        host.capabilities = 0;
        assertThat(messageOfFailure())
                .contains("/dev/dblockctl cannot be opened: EACCES (Permission denied)")
                .contains("sudo mvn");
    }

    @Test
    void aLoadedModuleWithoutNodeMeansAContainer() {
        host.write("sys/module/dblock/refcnt", "0");
        host.loadResult = -Errno.EEXIST.number();
        assertThat(messageOfFailure())
                .contains("a container with its own /dev?")
                .contains("-v /dev:/dev");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "ID=debian                                 | apt-get install linux-headers-6.12.1-test",
                "ID=ubuntu                                 | apt-get install linux-headers-6.12.1-test",
                "ID=linuxmint\\nID_LIKE=\"ubuntu debian\"  | apt-get install linux-headers-6.12.1-test",
                "ID=fedora                                 | dnf install kernel-devel-6.12.1-test",
                "ID=\"rocky\"\\nID_LIKE=\"rhel centos fedora\" | dnf install kernel-devel-6.12.1-test",
                "ID=raspbian\\nID_LIKE=debian              | apt-get install raspberrypi-kernel-headers",
            })
    void missingHeadersAreNamedByTheDistributionsPackage(String release, String command) {
        host.write("etc/os-release", release.replace("\\n", "\n"));
        host.delete("lib/modules/6.12.1-test/build/Makefile");
        assertThat(messageOfFailure())
                .contains("build: no kernel headers: there is no " + directory
                        + "/lib/modules/6.12.1-test/build/Makefile -> " + command + "\n");
    }

    @Test
    void onRaspberryPiOsThatCallsItselfDebianTooTheyAreItsOwn() {
        host.write("etc/rpi-issue", "Raspberry Pi reference");
        host.delete("lib/modules/6.12.1-test/build/Makefile");
        assertThat(messageOfFailure()).contains("-> apt-get install raspberrypi-kernel-headers\n");
    }

    @Test
    void onAnUnknownDistributionAllPackagesAreNamed() {
        host.delete("etc/os-release");
        host.delete("lib/modules/6.12.1-test/build/Makefile");
        assertThat(messageOfFailure())
                .contains("linux-headers-6.12.1-test")
                .contains("kernel-devel-6.12.1-test")
                .contains("raspberrypi-kernel-headers");
    }

    @Test
    void aMissingMakeAndCompilerAreNamed() {
        host.programs.clear();
        assertThat(messageOfFailure())
                .contains("there is no make on the PATH -> apt-get install make")
                .contains("there is no C compiler on the PATH (gcc, cc) -> apt-get install gcc");
        assertThat(host.commands).isEmpty();
    }

    @Test
    void aFailedBuildShowsTheEndOfItsOutput() {
        host.buildExit = 2;
        host.buildOutput = "queue.c:1: error: something\n";
        assertThat(messageOfFailure())
                .contains("ended with status 2")
                .contains("queue.c:1: error: something")
                .contains("build.log");
        assertThat(host.loaded).isEmpty();
    }

    @Test
    void withoutPrivilegesNothingIsBuiltOrLoaded() {
        host.capabilities = 0;
        assertThat(messageOfFailure())
                .contains("privileges: this JVM runs without CAP_SYS_MODULE")
                .contains("sudo mvn")
                .contains("build: possible against");
        assertThat(host.commands).isEmpty();
        assertThat(host.loaded).isEmpty();
    }

    @Test
    void theCapabilityToAdministerIsNeededToo() {
        host.capabilities = 1L << 16;
        assertThat(messageOfFailure()).contains("this JVM runs without CAP_SYS_ADMIN");
    }

    @Test
    void aKernelWithoutModulesIsNamed() {
        host.delete("proc/modules");
        assertThat(messageOfFailure()).contains("cannot load modules: no /proc/modules");
    }

    @Test
    void loadingSwitchedOffIsNamed() {
        host.write("proc/sys/kernel/modules_disabled", "1\n");
        assertThat(messageOfFailure()).contains("kernel.modules_disabled = 1").contains("-> reboot");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "EKEYREJECTED | Secure Boot or kernel lockdown refuses a module that is not signed",
                "ENOKEY       | Secure Boot or kernel lockdown refuses a module that is not signed",
                "EPERM        | not allowed here",
                "ENOEXEC      | it was built for another kernel",
                "ENOSYS       | built without support for modules",
                "ENOMEM       | -> dmesg | tail",
            })
    void everyRefusalOfTheKernelIsNamed(String errno, String text) {
        host.loadResult = -Errno.valueOf(errno.strip()).number();
        assertThat(messageOfFailure()).contains(errno.strip()).contains(text.strip());
    }

    @Test
    void underLockdownAForbiddenLoadIsExplainedByIt() {
        host.write("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
        host.loadResult = -Errno.EPERM.number();
        assertThat(messageOfFailure())
                .contains("Secure Boot or kernel lockdown")
                .contains("mokutil --import");
        assertThat(loader.look()).extracting(ModuleLoader.Attempt::what).contains("lockdown");
    }

    @Test
    void aRaceWithAnotherProcessThatLoadsItIsNoFailure() {
        host.loadResult = -Errno.EEXIST.number();
        // The other process's module appears between our look and our try.
        FakeHost racing = host;
        loader = new ModuleLoader(
                new HostEnvironmentProxy(host) {
                    @Override
                    public int loadModule(Path file) {
                        int result = super.loadModule(file);
                        racing.kernel.refusingToOpen(null);
                        return result;
                    }
                },
                () -> new ModuleSources(new TreeMap<>(Map.of("Makefile", new byte[0]))));
        loader.open().close();
        loader.unload();
        assertThat(host.unloaded).as("it is not ours").isEmpty();
    }

    @Test
    void whatThisJvmLoadedItUnloadsOnce() {
        loader.open().close();
        loader.unload();
        loader.unload();
        assertThat(host.unloaded).containsExactly("dblock");
    }

    @Test
    void whatOthersLoadedStays() {
        host.kernel.refusingToOpen(null);
        loader.open().close();
        loader.unload();
        assertThat(host.unloaded).isEmpty();
    }

    @Test
    void lookingChangesNothing() {
        assertThat(loader.look())
                .extracting(ModuleLoader.Attempt::toString)
                .containsExactly(
                        "already loaded: no, there is no /dev/dblockctl",
                        "module support: ok",
                        "privileges: ok",
                        "cached build: none, " + new ModuleBuilder(host, sources()).cached(FakeHost.RELEASE)
                                + " does not exist",
                        "build: possible against " + directory + "/lib/modules/6.12.1-test/build");
        assertThat(host.commands).isEmpty();
        assertThat(host.loaded).isEmpty();
    }

    private static ModuleSources sources() {
        return new ModuleSources(
                new TreeMap<>(Map.of("Makefile", "all:\n".getBytes(UTF_8), "dblock.h", "// ABI".getBytes(UTF_8))));
    }

    @Test
    void whatItWouldFindIsToldAsYesOrNo() {
        assertThat(loader.loadable()).as("buildable").isTrue();
        host.delete("lib/modules/6.12.1-test/build/Makefile");
        assertThat(loader.loadable()).as("no headers").isFalse();
        host.write("lib/modules/6.12.1-test/build/Makefile", "");
        host.programs.clear();
        assertThat(loader.loadable()).as("no compiler").isFalse();
        host.programs.addAll(List.of("make", "gcc"));
        host.write("sys/kernel/security/lockdown", "[integrity]");
        assertThat(loader.loadable()).as("locked down").isFalse();
        host.delete("sys/kernel/security/lockdown");
        host.capabilities = 0;
        assertThat(loader.loadable()).as("not root").isFalse();
        host.kernel.refusingToOpen(null);
        assertThat(loader.loadable()).as("loaded").isTrue();
        host.kernel.speaking(2);
        assertThat(loader.loadable()).as("another version").isFalse();
    }

    @Test
    void aCachedBuildIsEnough() {
        loader.open().close();
        host.kernel.refusingToOpen(Errno.ENOENT);
        host.delete("lib/modules/6.12.1-test/build/Makefile");
        assertThat(loader.loadable()).isTrue();
    }

    @Test
    void aDamagedCacheDirectoryIsReported() throws Exception {
        Files.writeString(directory.resolve("cache"), "a file, not a directory");
        assertThatThrownBy(() -> loader.open().close()).hasStackTraceContaining("cache");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.internal.kernel.Command;
import io.dblock.internal.module.Distribution;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Releases of Debian, of any architecture, for kernels and programs that this machine does not have. They use their own
 * configuration of apt and the machine's mirror. Installed packages do not change.
 */
final class DebianSuites {

    /** The suites. Their kernels in 2026-11: 5.10; 6.1 and 6.12; 6.12; 7.2 and 7.3. */
    private static final List<String> SUITES = List.of("bullseye", "bookworm", "trixie", "trixie-backports");

    private static final Duration QUERY_LIMIT = Duration.ofMinutes(2);
    private static final Duration UPDATE_LIMIT = Duration.ofMinutes(15);
    private static final Path KEYRING = Path.of("/usr/share/keyrings/debian-archive-keyring.gpg");

    private final String mirror;
    private final Path cache;
    private final Path directory;
    private final MachineType machine;
    private final List<String> suites;

    private DebianSuites(String mirror, Path cache, Path directory, MachineType machine, List<String> suites) {
        this.mirror = mirror;
        this.cache = cache;
        this.directory = directory;
        this.machine = machine;
        this.suites = suites;
    }

    /**
     * Returns all suites; empty if the package sources of this machine have no Debian mirror.
     *
     * @param cache the directory for the configuration
     */
    static Optional<DebianSuites> all(Path cache, MachineType machine) {
        String name = machine.isThisHosts() ? "apt" : "apt-" + machine.architecture();
        return mirror().map(mirror -> new DebianSuites(mirror, cache, cache.resolve(name), machine, SUITES));
    }

    /** Returns this machine's own release for another architecture; empty if there is no Debian mirror. */
    static Optional<DebianSuites> own(Path cache, MachineType machine) {
        return Distribution.codeNameOfThisHost().flatMap(suite -> mirror().map(mirror -> new DebianSuites(
                mirror,
                cache,
                cache.resolve("apt-" + machine.architecture()).resolve(suite),
                machine,
                List.of(suite))));
    }

    private static Optional<String> mirror() {
        if (Distribution.ofThisHost() != Distribution.DEBIAN) {
            return Optional.empty();
        }
        String targets = Command.of(
                        "apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)", "Created-By: Packages")
                .within(QUERY_LIMIT)
                .runApart()
                .output();
        return mirrorIn(targets);
    }

    /** Returns the address of the main archive. The security updates are in another one. */
    static Optional<String> mirrorIn(String targets) {
        return targets.lines()
                .map(line -> line.split(" ", 3))
                .filter(words -> words.length == 3 && words[0].equals("Debian") && words[1].equals("Debian"))
                .map(words -> words[2].strip())
                .filter(address -> address.startsWith("http"))
                .findFirst();
    }

    /** Returns the line of apt's sources for a suite. */
    private String source(String suite) {
        String signedBy = Files.exists(KEYRING) ? "[signed-by=" + KEYRING + "] " : "";
        return "deb " + signedBy + mirror + " " + suite + " main";
    }

    /** Returns the lines of apt's sources for a suite. Backports also need their release. */
    List<String> sources(String suite) {
        String release = suite.replace("-backports", "");
        return release.equals(suite) ? List.of(source(suite)) : List.of(source(release), source(suite));
    }

    /**
     * Returns the packages of all suites. Fetches the package lists if they are not fresh.
     *
     * @throws VmException if the lists cannot be fetched
     */
    DebianPackages packages(Consumer<String> progress) {
        try {
            Path configuration = directory.resolve("apt.conf");
            Path lists = Files.createDirectories(directory.resolve("state/lists/partial"));
            Path archives = Files.createDirectories(directory.resolve("cache/archives/partial"));
            Files.write(
                    directory.resolve("sources.list"),
                    suites.stream().map(this::source).toList());
            Files.write(
                    configuration,
                    List.of(
                            "#clear APT::Architectures;",
                            "APT::Architecture \"" + machine.architecture() + "\";",
                            "APT::Architectures { \"" + machine.architecture() + "\"; };",
                            "Dir::State \"" + lists.getParent().getParent() + "\";",
                            "Dir::State::status \"/dev/null\";",
                            "Dir::Cache \"" + archives.getParent().getParent() + "\";",
                            "Dir::Etc::sourcelist \"" + directory.resolve("sources.list") + "\";",
                            "Dir::Etc::sourceparts \"-\";"));
            FetchMarker stamp = new FetchMarker(directory.resolve("updated"));
            if (!stamp.isFresh()) {
                progress.accept(
                        "reading the package lists of " + String.join(", ", suites) + " for " + machine.architecture());
                Command.of("apt-get", "-c", configuration.toString(), "-o", "APT::Sandbox::User=root", "update", "-q")
                        .within(UPDATE_LIMIT)
                        .output();
                stamp.renew();
            }
            return DebianPackages.configuredBy(configuration, machine, tools(progress));
        } catch (IOException e) {
            throw new VmException(
                    "cannot look for packages in " + String.join(", ", suites) + ": " + e.getMessage(), e);
        }
    }

    private Optional<Supplier<DebianPackages>> tools(Consumer<String> progress) {
        MachineType host = MachineType.ofThisHost();
        if (machine == host) {
            return Optional.empty();
        }
        return Optional.of(() -> suites.size() == 1
                ? DebianPackages.ofThisMachine(cache)
                : new DebianSuites(mirror, cache, cache.resolve("apt"), host, suites).packages(progress));
    }
}

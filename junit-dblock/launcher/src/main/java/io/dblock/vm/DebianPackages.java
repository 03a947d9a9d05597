// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.internal.kernel.Command;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Kernels of Debian and its derivatives, through apt. Packages are downloaded and unpacked, not installed, so the boot
 * loader stays as it is and no root is needed. Tried on Debian 12. Ubuntu's names ({@code linux-modules-*},
 * {@code linux-modules-extra-*}, the {@code generic} flavour) are handled but have not been tried.
 */
final class DebianPackages implements PackageSource {

    private static final Duration QUERY_LIMIT = Duration.ofMinutes(2);
    private static final Duration DOWNLOAD_LIMIT = Duration.ofMinutes(15);

    /** The default kernel series of guests, if the distribution has it: the one that all measurements used. */
    private static final String PREFERRED = "6.12";

    /** As root, apt would download as another user, who cannot write to our cache, and warn about it. */
    private static final List<String> AS_ROOT = List.of("-o", "APT::Sandbox::User=root");

    /** The packages with parts of a kernel. A guest needs no other dependencies of a kernel package. */
    private static final Pattern PARTS =
            Pattern.compile("linux-(image|base|binary|modules|modules-extra|headers|kbuild)-[0-9].*");

    /** The image packages of these flavours. The 'cloud' flavour lacks 9p, and guests have no use for 'rt' and 'dbg'. */
    private static final Pattern IMAGE = Pattern.compile("linux-image-(?:unsigned-)?([0-9][^ ]*-(?:%s))");

    /** The packages with the programs that build modules. They run on this host, whatever the kernel's architecture. */
    private static final Pattern TOOLS = Pattern.compile("linux-kbuild-[0-9].*");

    /** The first options of all of apt's programs. */
    private final List<String> options;
    /** When this library last fetched the machine's package lists; empty for another configuration of apt. */
    private final Optional<FetchMarker> listsFetched;

    private final MachineType machine;

    /** The source of the {@link #TOOLS} packages; empty if they come from this source, too. */
    private final Optional<Supplier<DebianPackages>> tools;

    private DebianPackages(
            List<String> options,
            Optional<FetchMarker> listsFetched,
            MachineType machine,
            Optional<Supplier<DebianPackages>> tools) {
        this.options = options;
        this.listsFetched = listsFetched;
        this.machine = machine;
        this.tools = tools;
    }

    /** Returns the packages of this machine's own configuration of apt. */
    static DebianPackages ofThisMachine(Path cache) {
        return new DebianPackages(
                List.of(),
                Optional.of(new FetchMarker(cache.resolve("apt-lists-fetched"))),
                MachineType.ofThisHost(),
                Optional.empty());
    }

    /**
     * Returns the packages of another configuration of apt, see {@link DebianSuites}.
     *
     * @param tools the packages of this host's architecture; empty if these are for this host
     */
    static DebianPackages configuredBy(
            Path configuration, MachineType machine, Optional<Supplier<DebianPackages>> tools) {
        return new DebianPackages(List.of("-c", configuration.toString()), Optional.empty(), machine, tools);
    }

    private List<String> apt(String program, String... arguments) {
        List<String> command = new ArrayList<>(List.of(program));
        command.addAll(options);
        command.addAll(List.of(arguments));
        return command;
    }

    @Override
    public Optional<KernelPackages> find(Optional<String> prefix, Consumer<String> progress) {
        if (listsFetched.isPresent()) {
            updateListsIfEmpty(progress);
        }
        String wanted = prefix.orElse(PREFERRED);
        Optional<String> release = newest(releases(), wanted);
        if (release.isEmpty() && fetchLists(wanted, progress)) {
            release = newest(releases(), wanted);
        }
        if (release.isEmpty() && prefix.isEmpty()) {
            release = newest(releases(), "");
        }
        return release.map(found -> new KernelPackages(found, packages(found)));
    }

    private List<String> releases() {
        String listing = Command.of(apt("apt-cache", "search", "--names-only", "^linux-(image|headers)-[0-9]"))
                .within(QUERY_LIMIT)
                .output();
        return withHeaders(releases(listing, List.of(machine.flavour(), "generic")), listing);
    }

    /** Returns the releases that have headers. Debian keeps the images of old backports longer than their headers. */
    static List<String> withHeaders(List<String> releases, String listing) {
        Set<String> names = new HashSet<>();
        for (String line : listing.split("\n", -1)) {
            names.add(line.strip().split(" ", -1)[0]);
        }
        return releases.stream()
                .filter(release -> names.contains("linux-headers-" + release))
                .toList();
    }

    /**
     * Fetches the package lists if they are not fresh, and returns whether it did. A container image may have the lists of
     * only some sources, for example not of the security updates. Only root can fetch them; other users go on without.
     */
    private boolean fetchLists(String wanted, Consumer<String> progress) {
        if (listsFetched.isEmpty() || listsFetched.get().isFresh() || !Requirements.isRoot()) {
            return false;
        }
        progress.accept("no kernel " + wanted + " in apt's package lists, running: apt-get update");
        Command.Result result =
                Command.of("apt-get", "update").within(DOWNLOAD_LIMIT).runApart();
        if (result.exit() != 0) {
            progress.accept("apt-get update ended with status " + result.exit() + ": "
                    + result.errors().strip());
            return false;
        }
        listsFetched.get().renew();
        return true;
    }

    /** Returns the releases of the images in a listing of {@code apt-cache search}, each once. */
    static List<String> releases(String listing, List<String> flavours) {
        Pattern image = Pattern.compile(String.format(IMAGE.pattern(), String.join("|", flavours)));
        Set<String> releases = new LinkedHashSet<>();
        for (String line : listing.split("\n", -1)) {
            var matcher = image.matcher(line.split(" ", -1)[0]);
            if (matcher.matches() && !matcher.group(1).matches(".*-(cloud|rt|dbg|unsigned)(-.*)?")) {
                releases.add(matcher.group(1));
            }
        }
        return List.copyOf(releases);
    }

    /** Returns the highest release that {@linkplain #matches matches} this prefix. */
    static Optional<String> newest(List<String> releases, String prefix) {
        return releases.stream()
                .filter(release -> matches(release, prefix))
                .max(Comparator.comparing(DebianPackages::numbers, DebianPackages::compareNumbers));
    }

    /**
     * Returns whether a release begins with a prefix that ends between two numbers: {@code 6.1.0-9-amd64} matches
     * {@code 6.1}, but {@code 6.12.9-amd64} does not.
     */
    static boolean matches(String release, String prefix) {
        return release.startsWith(prefix)
                && (prefix.isEmpty()
                        || release.length() == prefix.length()
                        || !Character.isDigit(release.charAt(prefix.length()))
                        || !Character.isDigit(prefix.charAt(prefix.length() - 1)));
    }

    private static List<Long> numbers(String release) {
        List<Long> numbers = new ArrayList<>();
        for (String part : release.split("[^0-9]+", -1)) {
            if (!part.isEmpty() && part.length() < 18) {
                numbers.add(Long.parseLong(part));
            }
        }
        return numbers;
    }

    private static int compareNumbers(List<Long> a, List<Long> b) {
        for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
            int order = Long.compare(a.get(i), b.get(i));
            if (order != 0) {
                return order;
            }
        }
        return Integer.compare(a.size(), b.size());
    }

    private List<String> packages(String release) {
        Set<String> found = new LinkedHashSet<>();
        Deque<String> open = new ArrayDeque<>();
        open.add("linux-image-" + release);
        open.add("linux-headers-" + release);
        for (String extra : List.of("linux-modules-" + release, "linux-modules-extra-" + release)) {
            if (exists(extra)) {
                open.add(extra);
            }
        }
        while (!open.isEmpty()) {
            String name = open.remove();
            if (found.add(name)) {
                open.addAll(parts(Command.of(apt(
                                "apt-cache",
                                "depends",
                                "--no-recommends",
                                "--no-suggests",
                                "--no-conflicts",
                                "--no-breaks",
                                "--no-replaces",
                                "--no-enhances",
                                name))
                        .within(QUERY_LIMIT)
                        .output()));
            }
        }
        return List.copyOf(found);
    }

    private boolean exists(String name) {
        return !Command.of(apt("apt-cache", "show", name))
                .within(QUERY_LIMIT)
                .runApart()
                .output()
                .isBlank();
    }

    /** Returns the packages with parts of a kernel in a listing of {@code apt-cache depends}. */
    static List<String> parts(String listing) {
        List<String> parts = new ArrayList<>();
        for (String line : listing.split("\n", -1)) {
            String text = line.strip();
            if (text.startsWith("Depends: ") || text.startsWith("PreDepends: ")) {
                String name = text.substring(text.indexOf(' ') + 1);
                if (PARTS.matcher(name).matches() && !name.endsWith("-unsigned") && !name.endsWith("-dbg")) {
                    parts.add(name);
                }
            }
        }
        return parts;
    }

    /** Returns the suite that the headers of this release come from, such as trixie-backports. */
    Optional<String> suite(String release) {
        String listing = Command.of(apt("apt-cache", "madison", "linux-headers-" + release))
                .within(QUERY_LIMIT)
                .runApart()
                .output();
        return suiteOf(listing);
    }

    /**
     * Returns the suite in a listing of {@code apt-cache madison}. A line has the package, its version, and "address
     * suite/component architecture Packages".
     */
    static Optional<String> suiteOf(String listing) {
        for (String line : listing.split("\n", -1)) {
            String[] fields = line.split("\\|", -1);
            String[] words =
                    fields.length < 3 ? new String[0] : fields[2].strip().split(" +", -1);
            if (words.length >= 2 && words[1].contains("/")) {
                return Optional.of(words[1].substring(0, words[1].indexOf('/')));
            }
        }
        return Optional.empty();
    }

    @Override
    public void unpack(KernelPackages kernel, Path directory, Consumer<String> progress) {
        try {
            Path downloads = Files.createTempDirectory(directory.getParent(), ".download");
            try {
                if (tools.isPresent()) {
                    Map<Boolean, List<String>> parts = kernel.packages().stream()
                            .collect(Collectors.partitioningBy(
                                    name -> TOOLS.matcher(name).matches()));
                    download(parts.get(false), downloads, progress);
                    tools.get().get().download(parts.get(true), downloads, progress);
                } else {
                    download(kernel.packages(), downloads, progress);
                }
                unpackAll(downloads, directory, progress);
            } finally {
                FileTrees.delete(downloads);
            }
        } catch (IOException e) {
            throw new VmException("cannot unpack kernel " + kernel.release() + ": " + e.getMessage(), e);
        }
    }

    private void download(List<String> packages, Path directory, Consumer<String> progress) {
        progress.accept("downloading " + String.join(" ", packages));
        List<String> command = apt("apt-get", "download");
        if (Requirements.isRoot()) {
            command.addAll(1, AS_ROOT);
        }
        command.addAll(packages);
        Command.of(command).in(directory).within(DOWNLOAD_LIMIT).output();
    }

    private static void unpackAll(Path downloads, Path directory, Consumer<String> progress) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(downloads, "*.deb")) {
            for (Path file : files) {
                progress.accept("unpacking " + file.getFileName());
                Command.of("dpkg-deb", "-x", file.toString(), directory.toString())
                        .within(DOWNLOAD_LIMIT)
                        .output();
            }
        }
    }

    /** As {@link #unpackWithDependencies(List, Predicate, Path, Consumer)}, without exceptions. */
    void unpackWithDependencies(List<String> packages, Path directory, Consumer<String> progress) {
        unpackWithDependencies(packages, name -> true, directory, progress);
    }

    /**
     * Downloads these packages and their dependencies, and unpacks those that are wanted under {@code directory}. Does not
     * run their scripts. Only for a configuration of apt without installed packages.
     */
    void unpackWithDependencies(
            List<String> packages, Predicate<String> wanted, Path directory, Consumer<String> progress) {
        try {
            Path downloads = Files.createTempDirectory(directory.getParent(), ".download");
            try {
                Files.createDirectories(downloads.resolve("partial"));
                progress.accept("downloading " + String.join(" ", packages) + " of " + machine.architecture()
                        + ", and what they depend on");
                List<String> command = apt(
                        "apt-get",
                        "-o",
                        "Dir::Cache::archives=" + downloads,
                        // The lock of the machine's own packages is not needed.
                        "-o",
                        "Debug::NoLocking=1",
                        "--yes",
                        "--no-install-recommends",
                        "--download-only",
                        "install");
                command.addAll(1, AS_ROOT);
                command.addAll(packages);
                Command.of(command).within(DOWNLOAD_LIMIT).output();
                deleteUnwanted(downloads, wanted);
                unpackAll(downloads, directory, line -> {});
            } finally {
                FileTrees.delete(downloads);
            }
        } catch (IOException e) {
            throw new VmException("cannot unpack " + packages + ": " + e.getMessage(), e);
        }
    }

    private static void deleteUnwanted(Path downloads, Predicate<String> wanted) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(downloads, "*.deb")) {
            for (Path file : files) {
                String name = file.getFileName().toString();
                if (!wanted.test(name.substring(0, name.indexOf('_')))) {
                    Files.delete(file);
                }
            }
        }
    }

    /** Fetches the package lists if there are none, as in a new container. Throws if this process is not root. */
    static void updateListsIfEmpty(Consumer<String> progress) {
        String names = Command.of("apt-cache", "pkgnames", "linux-image-")
                .within(QUERY_LIMIT)
                .output();
        if (!names.isBlank()) {
            return;
        }
        if (!Requirements.isRoot()) {
            throw new VmException("apt knows no kernel packages; as root: apt-get update");
        }
        progress.accept("apt has no package lists, running: apt-get update");
        Command.of("apt-get", "update").within(DOWNLOAD_LIMIT).output();
    }
}

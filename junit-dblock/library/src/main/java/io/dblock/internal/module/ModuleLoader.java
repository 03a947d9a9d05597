// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.module;

import io.dblock.DblockException;
import io.dblock.ModuleUnavailableException;
import io.dblock.handler.Errno;
import io.dblock.internal.kernel.Abi;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.ModuleVersion;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** Makes the kernel module available: already loaded, from a cached build, or built with this kernel's headers. */
public final class ModuleLoader {
    private static final String MODULE = "dblock";
    private static final String CACHED = "cached build";
    private static final String BUILD = "build";
    private static final String OTHER_VERSION = "another version is loaded";
    private static final String WAY_OUT =
            """
            Or run the tests in a guest, which needs neither root nor a kernel that loads modules:
              java -jar junit-dblock-cli.jar setup
            prints the path of a JVM that does; give it to Surefire's <jvm>.""";
    private static final int CAP_SYS_MODULE = 16;
    private static final int CAP_SYS_ADMIN = 21;

    private static final ModuleLoader INSTANCE = new ModuleLoader(new RealHost(), ModuleSources::fromClassPath);

    private final HostEnvironment host;
    private final Supplier<ModuleSources> sources;
    private boolean loadedByUs;

    ModuleLoader(HostEnvironment host, Supplier<ModuleSources> sources) {
        this.host = host;
        this.sources = sources;
    }

    /**
     * One attempt to make the module available.
     *
     * @param what what was tried
     * @param outcome "ok", or why it was not possible
     * @param remedy the command that fixes it; empty if there is nothing to fix or nothing can be done
     * @param succeeded whether it was possible
     */
    public record Attempt(String what, String outcome, String remedy, boolean succeeded) {
        static Attempt ok(String what, String outcome) {
            return new Attempt(what, outcome, "", true);
        }

        static Attempt failed(String what, String outcome, String remedy) {
            return new Attempt(what, outcome, remedy, false);
        }

        @Override
        public String toString() {
            return what + ": " + outcome + (remedy.isEmpty() ? "" : " -> " + remedy);
        }
    }

    /**
     * Loads the module unless it is already loaded. Safe against other threads and processes.
     *
     * @throws ModuleUnavailableException if every way failed; the message lists each
     */
    public static ModuleVersion ensureLoaded() {
        try (ControlSession session = openSession()) {
            return session.version();
        }
    }

    /**
     * Loads the module unless it is already loaded, and opens a session.
     *
     * @throws ModuleUnavailableException if every way failed; the message lists each
     */
    public static ControlSession openSession() {
        return INSTANCE.open();
    }

    /** Returns what {@link #ensureLoaded()} would find here, without loading or building anything. */
    public static List<Attempt> diagnose() {
        return INSTANCE.look();
    }

    /**
     * Returns whether {@link #ensureLoaded()} would succeed here, as far as can be known without trying: the module is
     * loaded, or loading is allowed and the module exists or can be built.
     */
    public static boolean isLoadable() {
        return INSTANCE.loadable();
    }

    /** Unloads the module if this JVM has loaded it and nobody uses it. For the end of the JVM; never fails. */
    public static void unloadIfOurs() {
        INSTANCE.unload();
    }

    synchronized ControlSession open() {
        List<Attempt> attempts = new ArrayList<>();
        Optional<ControlSession> session = openLoaded(attempts);
        if (session.isPresent()) {
            return session.get();
        }
        Path lockFile = host.cache().resolve("load.lock");
        try (FileChannel channel = FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock lock = channel.lock()) {
            if (!lock.isValid()) {
                throw new IOException("the lock was lost");
            }
            attempts.clear();
            // Another process may have loaded the module while this process waited for the lock.
            return openLoaded(attempts).orElseGet(() -> load(attempts));
        } catch (IOException e) {
            throw new DblockException("Cannot lock " + lockFile + ": " + e
                    + ". Set the environment variable DBLOCK_CACHE to a directory that can be written.");
        }
    }

    private ControlSession load(List<Attempt> attempts) {
        if (attempts.get(0).what().equals(OTHER_VERSION)) {
            throw unavailable(attempts);
        }
        attempts.addAll(obstacles());
        boolean mayLoad = attempts.stream().skip(1).allMatch(Attempt::succeeded);
        Optional<Path> module = mayLoad ? obtain(attempts) : Optional.empty();
        if (module.isEmpty()) {
            if (!mayLoad) {
                attempts.addAll(lookForModule());
            }
            throw unavailable(attempts);
        }
        int result = host.loadModule(module.get());
        if (result < 0 && result != -Errno.EEXIST.number()) {
            attempts.add(loadFailure(module.get(), -result));
            throw unavailable(attempts);
        }
        loadedByUs = result >= 0;
        List<Attempt> afterwards = new ArrayList<>();
        Optional<ControlSession> session = openLoaded(afterwards);
        if (session.isEmpty()) {
            attempts.add(Attempt.ok("load " + module.get(), "ok"));
            attempts.addAll(afterwards);
            throw unavailable(attempts);
        }
        return session.get();
    }

    /** Returns a session of a loaded module that has our ABI; otherwise adds the reason to {@code attempts}. */
    private Optional<ControlSession> openLoaded(List<Attempt> attempts) {
        String what = "already loaded";
        ControlSession session;
        try {
            session = host.openSession();
        } catch (ControlException e) {
            if (e.is(Errno.ENOENT) || e.is(Errno.ENXIO) || e.is(Errno.ENODEV)) {
                boolean loaded = Files.exists(at("sys/module/" + MODULE));
                attempts.add(
                        loaded
                                ? Attempt.failed(
                                        what,
                                        "the module is loaded, but its node " + Abi.CTL_PATH
                                                + " is not here (a container with its own /dev?)",
                                        "start the container with -v /dev:/dev --privileged")
                                : Attempt.failed(what, "no, there is no " + Abi.CTL_PATH, ""));
            } else {
                attempts.add(Attempt.failed(
                        what,
                        "it is, but " + Abi.CTL_PATH + " cannot be opened: " + Errno.describe(e.errno()),
                        sudo()));
            }
            return Optional.empty();
        }
        try {
            ModuleVersion version = session.version();
            if (version.abi() == Abi.ABI_VERSION && version.hasNeeded()) {
                return Optional.of(session);
            }
            attempts.add(Attempt.failed(
                    OTHER_VERSION,
                    version.abi() == Abi.ABI_VERSION
                            ? "it is older than this library and lacks what that needs"
                            : "it speaks ABI " + version.abi() + ", this library " + Abi.ABI_VERSION,
                    "rmmod dblock"));
        } catch (ControlException e) {
            attempts.add(Attempt.failed(
                    OTHER_VERSION, "it does not report its ABI: " + Errno.describe(e.errno()), "rmmod dblock"));
        }
        session.close();
        return Optional.empty();
    }

    /** Returns what prevents loading any module here. */
    private List<Attempt> obstacles() {
        List<Attempt> found = new ArrayList<>();
        if (!Files.exists(at("proc/modules"))) {
            found.add(Attempt.failed(
                    "module support",
                    "this kernel (" + host.kernelRelease() + ") cannot load modules: no /proc/modules",
                    ""));
        } else if (read("proc/sys/kernel/modules_disabled").equals("1")) {
            found.add(Attempt.failed(
                    "module support",
                    "loading is switched off until the next boot (kernel.modules_disabled = 1)",
                    "reboot"));
        } else {
            found.add(Attempt.ok("module support", "ok"));
        }
        long wanted = 1L << CAP_SYS_MODULE | 1L << CAP_SYS_ADMIN;
        if ((host.capabilities() & wanted) != wanted) {
            boolean module = (host.capabilities() & 1L << CAP_SYS_MODULE) != 0;
            found.add(Attempt.failed(
                    "privileges",
                    "this JVM runs without " + (module ? "CAP_SYS_ADMIN" : "CAP_SYS_MODULE")
                            + " (not root, or a container without --privileged)",
                    sudo()));
        } else {
            found.add(Attempt.ok("privileges", "ok"));
        }
        return found;
    }

    private static String sudo() {
        return "run the build as root (sudo mvn ...), in a container with --privileged";
    }

    /** Returns the module's file, cached or built now. */
    private Optional<Path> obtain(List<Attempt> attempts) {
        ModuleBuilder builder = new ModuleBuilder(host, sources.get());
        Path cached = builder.cached(host.kernelRelease());
        if (Files.exists(cached)) {
            attempts.add(Attempt.ok(CACHED, cached.toString()));
            return Optional.of(cached);
        }
        attempts.add(noCachedBuild(cached));
        List<Attempt> missing = buildObstacles();
        if (!missing.isEmpty()) {
            attempts.addAll(missing);
            return Optional.empty();
        }
        try {
            return Optional.of(builder.buildFor(host.kernelRelease(), kernelBuildDirectory()));
        } catch (ModuleUnavailableException e) {
            attempts.add(Attempt.failed(BUILD, e.getMessage(), "report it with that output"));
            return Optional.empty();
        }
    }

    private static Attempt noCachedBuild(Path cached) {
        return Attempt.failed(CACHED, "none, " + cached + " does not exist", "");
    }

    private Path kernelBuildDirectory() {
        return at("lib/modules/" + host.kernelRelease() + "/build");
    }

    private List<Attempt> buildObstacles() {
        List<Attempt> found = new ArrayList<>();
        Path headers = kernelBuildDirectory();
        if (!Files.exists(headers.resolve("Makefile"))) {
            found.add(
                    Attempt.failed(BUILD, "no kernel headers: there is no " + headers + "/Makefile", installHeaders()));
        }
        if (!host.hasProgram("make")) {
            found.add(Attempt.failed(BUILD, "there is no make on the PATH", install("make")));
        }
        if (!host.hasProgram("gcc") && !host.hasProgram("cc")) {
            found.add(Attempt.failed(BUILD, "there is no C compiler on the PATH (gcc, cc)", install("gcc")));
        }
        return found;
    }

    private String installHeaders() {
        String release = host.kernelRelease();
        String debian = "apt-get install linux-headers-" + release;
        String fedora = "dnf install kernel-devel-" + release;
        String raspberry = "apt-get install raspberrypi-kernel-headers";
        if (Distribution.isRaspberryPiOs(host.root())) {
            return raspberry;
        }
        return switch (Distribution.of(host.root())) {
            case DEBIAN -> debian;
            case FEDORA -> fedora;
            case UNKNOWN ->
                debian + " (Debian, Ubuntu), " + fedora + " (Fedora, CentOS, RHEL), " + raspberry
                        + " (Raspberry Pi OS)";
        };
    }

    private String install(String program) {
        return switch (Distribution.of(host.root())) {
            case DEBIAN -> "apt-get install " + program;
            case FEDORA -> "dnf install " + program;
            case UNKNOWN -> "install the package " + program;
        };
    }

    private Attempt loadFailure(Path module, int errno) {
        String what = "load " + module;
        if (errno == Errno.EKEYREJECTED.number()
                || errno == Errno.ENOKEY.number()
                || (errno == Errno.EPERM.number() && lockedDown())) {
            return Attempt.failed(
                    what,
                    Errno.describe(errno) + ": Secure Boot or kernel lockdown refuses a module that is not signed",
                    "sign the module with an enrolled key (mokutil --import), or switch Secure Boot off");
        }
        if (errno == Errno.EPERM.number() || errno == Errno.EACCES.number()) {
            return Attempt.failed(
                    what, Errno.describe(errno) + ": not allowed here (a container's seccomp profile?)", sudo());
        }
        if (errno == Errno.ENOEXEC.number()) {
            return Attempt.failed(
                    what,
                    Errno.describe(errno)
                            + ": it was built for another kernel, or the headers do not match the running one;"
                            + " dmesg has the version magic",
                    "rm -r " + module.getParent() + " and install the headers of " + host.kernelRelease() + ": "
                            + installHeaders());
        }
        if (errno == Errno.ENOSYS.number()) {
            return Attempt.failed(
                    what, Errno.describe(errno) + ": this kernel was built without support for modules", "");
        }
        return Attempt.failed(what, Errno.describe(errno), "dmesg | tail");
    }

    private boolean lockedDown() {
        String state = read("sys/kernel/security/lockdown");
        return state.contains("[integrity]") || state.contains("[confidentiality]");
    }

    private List<Attempt> lookForModule() {
        Path cached = new ModuleBuilder(host, sources.get()).cached(host.kernelRelease());
        if (Files.exists(cached)) {
            return List.of(Attempt.ok(CACHED, cached.toString()));
        }
        List<Attempt> found = new ArrayList<>();
        found.add(noCachedBuild(cached));
        List<Attempt> missing = buildObstacles();
        if (missing.isEmpty()) {
            found.add(Attempt.ok(BUILD, "possible against " + kernelBuildDirectory()));
        } else {
            found.addAll(missing);
        }
        return found;
    }

    synchronized List<Attempt> look() {
        List<Attempt> attempts = new ArrayList<>();
        Optional<ControlSession> session = openLoaded(attempts);
        if (session.isPresent()) {
            try (ControlSession open = session.get()) {
                return List.of(Attempt.ok(
                        "already loaded", "yes, version " + open.version().module()));
            }
        }
        attempts.addAll(obstacles());
        if (lockedDown()) {
            attempts.add(Attempt.failed(
                    "lockdown",
                    "the kernel is locked down: only signed modules load",
                    "sign the module with an enrolled key (mokutil --import), or switch Secure Boot off"));
        }
        attempts.addAll(lookForModule());
        return attempts;
    }

    boolean loadable() {
        List<Attempt> attempts = look();
        if (attempts.get(0).succeeded()) {
            return true;
        }
        if (attempts.get(0).what().equals(OTHER_VERSION) || Files.exists(at("sys/module/" + MODULE))) {
            return false;
        }
        boolean haveModule = false;
        for (Attempt attempt : attempts.subList(1, attempts.size())) {
            boolean aboutTheFile =
                    attempt.what().equals(CACHED) || attempt.what().equals(BUILD);
            if (!aboutTheFile && !attempt.succeeded()) {
                return false;
            }
            haveModule |= aboutTheFile && attempt.succeeded();
        }
        return haveModule;
    }

    private ModuleUnavailableException unavailable(List<Attempt> attempts) {
        List<String> lines = attempts.stream().map(Attempt::toString).toList();
        return new ModuleUnavailableException(
                "The kernel module dblock is not available for kernel " + host.kernelRelease() + ".\nAttempted:\n"
                        + lines.stream().map(line -> "  " + line + "\n").collect(Collectors.joining()) + WAY_OUT,
                lines,
                null);
    }

    synchronized void unload() {
        if (loadedByUs) {
            // If another process uses the module, it stays, which is not an error.
            host.unloadModule(MODULE);
            loadedByUs = false;
        }
    }

    private Path at(String path) {
        return host.root().resolve(path);
    }

    /** Returns the file's content, stripped; empty if it cannot be read. */
    private String read(String path) {
        try {
            return Files.readString(at(path)).strip();
        } catch (IOException e) {
            return "";
        }
    }
}

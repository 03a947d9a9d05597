// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.DeviceSpec;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.handler.Errno;
import io.dblock.internal.kernel.KernelPath;
import io.dblock.internal.kernel.ProcFs;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a device relies on of its machine: holds of the real one, and of the one that unit tests use in its place. */
abstract class HostContract {
    @TempDir
    Path directory;

    private Path point;

    /** The machine. */
    abstract Host host();

    /** A disk that is formatted, and that nobody uses. */
    abstract DeviceSpec disk();

    /** Its number. */
    abstract int id();

    /** Whether it is there. */
    abstract boolean exists();

    /** Has a file open in this directory until it is closed. */
    abstract AutoCloseable use(Path mounted) throws Exception;

    /** Takes the disk away, which is not mounted any more. */
    abstract void close();

    @BeforeEach
    void makeThePoint() throws Exception {
        point = Files.createDirectory(directory.resolve("point"));
    }

    @AfterEach
    void leaveNothing() {
        List<KernelPath> left = host().mounts().stream()
                .map(ProcFs.Mount::point)
                .filter(mounted -> mounted.isIn(directory))
                .toList();
        for (int i = left.size() - 1; i >= 0; i--) {
            assertThat(host().detach(left.get(i))).isZero();
        }
        close();
    }

    private Path node() {
        return DeviceNode.of(disk().name());
    }

    /** What is mounted here, the undermost first. */
    private List<ProcFs.Mount> at(Path place) {
        return host().mounts().stream()
                .filter(mount -> mount.point().equals(KernelPath.of(place)))
                .toList();
    }

    @Test
    void aDiskIsMountedInAnEmptyFilesystemAndUnmountedFirst() {
        assertThat(host().mountEmpty("a test", point, "disk")).isZero();
        assertThat(at(point)).singleElement().satisfies(mount -> {
            assertThat(mount.type()).isEqualTo("tmpfs");
            assertThat(mount.source()).isEqualTo("a test");
        });
        Path inner = point.resolve("disk");
        host().mount(node(), inner, disk());
        assertThat(at(inner)).singleElement().satisfies(mount -> {
            assertThat(mount.type()).isEqualTo("ext4");
            assertThat(mount.source()).isEqualTo(node().toString());
        });
        assertThat(host().unmount(inner)).isZero();
        assertThat(at(inner)).isEmpty();
        assertThat(at(point)).extracting(ProcFs.Mount::type).containsExactly("tmpfs");
        assertThat(host().detach(KernelPath.of(point))).isZero();
        assertThat(at(point)).isEmpty();
    }

    @Test
    void whatIsNotMountedCannotBeUnmounted() {
        assertThat(host().unmount(point)).isEqualTo(-Errno.EINVAL.number());
        assertThat(host().detach(KernelPath.of(point))).isEqualTo(-Errno.EINVAL.number());
    }

    @Test
    void whatIsInUseIsNamedAndCanOnlyBeDetached() throws Exception {
        host().mount(node(), point, disk());
        try (AutoCloseable user = use(point)) {
            assertThat(user).isNotNull();
            assertThat(host().unmount(point)).isEqualTo(-Errno.EBUSY.number());
            assertThat(host().holders(node(), List.of(KernelPath.of(point))))
                    .anySatisfy(line -> assertThat(line).contains(point.toString()));
            assertThat(host().isMappedHere(point)).isFalse();
            assertThat(host().detach(KernelPath.of(point))).isZero();
            assertThat(at(point)).isEmpty();
        }
    }

    @Test
    void whatIsWrittenBackWithoutAnErrorIsZero() {
        host().mount(node(), point, disk());
        assertThat(host().syncFilesystem(point)).isZero();
        assertThat(host().flushBuffers(node())).isZero();
        host().dropBuffers(node());
        host().dropFiles();
    }

    @Test
    void aFilesystemIsFilledAndFreedAndItsNamesAreMadeDurable() {
        host().mount(node(), point, disk());
        host().fillInodes(point, disk().filesystem());
        host().fill(point, disk().filesystem(), 0);
        host().syncNames(point, disk().filesystem());
        host().free(point, disk().filesystem());
        assertThat(host().unmount(point)).isZero();
    }

    @Test
    void aDiskIsDestroyedThoughItIsMountedAndOnceMoreWithoutAnError() {
        host().mount(node(), point, disk());
        host().destroy(id());
        assertThat(host().detach(KernelPath.of(point))).isZero();
        host().destroy(id());
        assertThat(exists()).isFalse();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelModulesTest {

    @TempDir
    Path directory;

    @Test
    void insertsEachModuleOnceAfterWhatItDependsOn() throws IOException {
        Files.writeString(
                directory.resolve("modules.dep"),
                """
                kernel/fs/9p/9p.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/fs/netfs/netfs.ko.xz
                kernel/net/9p/9pnet_virtio.ko.xz: kernel/net/9p/9pnet.ko.xz
                kernel/net/9p/9pnet.ko.xz:
                kernel/fs/netfs/netfs.ko.xz:
                kernel/drivers/virtio/virtio-mem.ko: kernel/fs/9p/9p.ko.xz
                """);
        Files.writeString(directory.resolve("modules.builtin"), "kernel/drivers/virtio/virtio_pci.ko\n");
        KernelModules modules = KernelModules.read(directory);
        assertThat(modules.closure(List.of("virtio_pci", "9pnet_virtio", "9p", "virtio_mem")))
                .containsExactly(
                        directory.resolve("kernel/net/9p/9pnet.ko.xz"),
                        directory.resolve("kernel/net/9p/9pnet_virtio.ko.xz"),
                        directory.resolve("kernel/fs/netfs/netfs.ko.xz"),
                        directory.resolve("kernel/fs/9p/9p.ko.xz"),
                        directory.resolve("kernel/drivers/virtio/virtio-mem.ko"));
        assertThat(modules.has("virtio_pci")).isTrue();
        assertThat(modules.has("9p")).isTrue();
        assertThat(modules.has("xfs")).isFalse();
    }

    @Test
    void namesAModuleThatTheKernelLacks() throws IOException {
        Files.writeString(directory.resolve("modules.dep"), "kernel/fs/overlayfs/overlay.ko:\n");
        KernelModules modules = KernelModules.read(directory);
        assertThatThrownBy(() -> modules.closure(List.of("overlay", "9p")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("has no module 9p")
                .hasMessageContaining("choose another one");
    }

    @Test
    void noticesAListThatGoesInACircle() throws IOException {
        Files.writeString(directory.resolve("modules.dep"), "a.ko: b.ko\nb.ko: a.ko\n");
        KernelModules modules = KernelModules.read(directory);
        assertThatThrownBy(() -> modules.closure(List.of("a"))).hasMessageContaining("module a depends on itself");
    }

    @Test
    void aKernelWithoutModulesNeedsNone() throws IOException {
        assertThat(KernelModules.read(directory).closure(List.of("9p", "overlay")))
                .isEmpty();
    }

    @Test
    void namesAreThoseTheKernelGives() {
        assertThat(KernelModules.nameOf("kernel/drivers/md/dm-mod.ko.zst")).isEqualTo("dm_mod");
        assertThat(KernelModules.nameOf("xfs.ko")).isEqualTo("xfs");
    }
}

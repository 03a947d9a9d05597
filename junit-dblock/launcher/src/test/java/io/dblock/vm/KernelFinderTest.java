// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelFinderTest {

    @TempDir
    Path directory;

    private Path cache;
    private Path host;

    @BeforeEach
    void twoInstalledAndOneUnpacked() throws IOException {
        cache = directory.resolve("cache");
        host = directory.resolve("host");
        install(host, "6.12.9-amd64", true);
        install(host, "6.12.117-amd64", true);
        install(cache.resolve("6.1.0-56-amd64"), "6.1.0-56-amd64", false);
        Files.createDirectories(cache.resolve("6.1.0-56-amd64/usr/src/linux-headers-6.1.0-56-amd64"));
    }

    @Test
    void takesTheNewestInstalledOfThePreferredSeries() {
        GuestKernel kernel = finder().find(Optional.empty(), Optional.empty());
        assertThat(kernel.release()).isEqualTo("6.12.117-amd64");
        assertThat(kernel.image()).isEqualTo(host.resolve("boot/vmlinuz-6.12.117-amd64"));
        assertThat(kernel.build()).isPresent();
    }

    @Test
    void takesAnUnpackedOneByTheBeginningOfItsRelease() {
        GuestKernel kernel = finder().find(Optional.of("6.1"), Optional.empty());
        assertThat(kernel.release()).isEqualTo("6.1.0-56-amd64");
        assertThat(kernel.build()).contains(cache.resolve("6.1.0-56-amd64/usr/src/linux-headers-6.1.0-56-amd64"));
    }

    private static byte[] image(String release) {
        byte[] image = new byte[0x400];
        System.arraycopy("HdrS".getBytes(StandardCharsets.US_ASCII), 0, image, 0x202, 4);
        image[0x20e] = (byte) 0x80;
        byte[] version = (release + " (somebody@somewhere) #1 SMP").getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(version, 0, image, 0x280, version.length);
        return image;
    }

    @Test
    void takesAnImageByItsPathAndReadsItsReleaseThere() throws IOException {
        Path file = Files.write(directory.resolve("bzImage"), image("6.12.9-amd64"));
        GuestKernel kernel = finder().find(Optional.of(file.toString()), Optional.empty());
        assertThat(kernel.release()).isEqualTo("6.12.9-amd64");
        assertThat(kernel.image()).isEqualTo(file.toRealPath());
        assertThat(kernel.modules())
                .isEqualTo(host.resolve("lib/modules/6.12.9-amd64").toRealPath());
    }

    @Test
    void takesTheModulesBesideAnImageNamedThroughALink() throws IOException {
        Path built = directory.resolve("built");
        install(built, "6.12.9-amd64", true);
        Files.write(built.resolve("vmlinuz"), image("6.12.9-amd64"));
        Path link = Files.createSymbolicLink(directory.resolve("link"), built);
        GuestKernel kernel = finder().find(Optional.of(link.resolve("vmlinuz").toString()), Optional.empty());
        assertThat(kernel.modules())
                .isEqualTo(built.resolve("lib/modules/6.12.9-amd64").toRealPath());
        assertThat(kernel.build()).isPresent();
    }

    @Test
    void saysWhatIsWrongWithAPath() throws IOException {
        assertThatThrownBy(() -> finder().find(Optional.of("/no/such/image"), Optional.empty()))
                .isInstanceOf(VmException.class)
                .hasMessage("DBLOCK_VM_KERNEL=/no/such/image: no such file, or it cannot be read");
        Path text = Files.writeString(directory.resolve("text"), "no kernel");
        assertThatThrownBy(() -> finder().find(Optional.of(text.toString()), Optional.empty()))
                .hasMessageContaining(
                        "does not say its release: name the directory of its modules with DBLOCK_VM_MODULES");
        Path elsewhere = directory.resolve("7.0");
        assertThatThrownBy(() -> finder().find(Optional.of(text.toString()), Optional.of(elsewhere)))
                .hasMessageContaining("the modules of " + text + " are not in " + elsewhere);
    }

    @Test
    void doesNotTakeAnInstalledOneWithoutHeaders() throws IOException {
        Files.delete(host.resolve("lib/modules/6.12.117-amd64/build/Makefile"));
        assertThat(finder().find(Optional.empty(), Optional.empty()).release()).isEqualTo("6.12.9-amd64");
    }

    @Test
    void anotherArchitecturesKernelsAreToldByTheirReleases() throws IOException {
        install(cache.resolve("6.1.0-56-armmp"), "6.1.0-56-armmp", false);
        install(cache.resolve("6.1.0-57-686-pae"), "6.1.0-57-686-pae", false);
        install(host, "6.1.0-58-armmp", true);
        assertThat(finder().findHere(Optional.of("6.1")))
                .get()
                .extracting(GuestKernel::release)
                .isEqualTo("6.1.0-56-amd64");
        assertThat(new KernelFinder(cache, host, MachineType.ARMHF, line -> {}).findHere(Optional.of("6.1")))
                .get()
                .extracting(GuestKernel::release, GuestKernel::machine)
                .containsExactly("6.1.0-56-armmp", MachineType.ARMHF);
        assertThat(new KernelFinder(cache, host, MachineType.I386, line -> {}).findHere(Optional.of("6.12")))
                .isEmpty();
    }

    private KernelFinder finder() {
        return new KernelFinder(cache, host, MachineType.ofThisHost(), line -> {});
    }

    private static void install(Path root, String release, boolean headers) throws IOException {
        Path modules = Files.createDirectories(root.resolve("lib/modules/" + release));
        Files.writeString(modules.resolve("modules.dep"), "");
        Files.createDirectories(root.resolve("boot"));
        Files.writeString(root.resolve("boot/vmlinuz-" + release), "image");
        if (headers) {
            Files.createDirectories(modules.resolve("build"));
            Files.writeString(modules.resolve("build/Makefile"), "");
        }
    }
}

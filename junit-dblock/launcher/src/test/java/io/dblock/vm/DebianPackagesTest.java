// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/** The listings are output of apt on Debian 12 and Ubuntu 24.04. */
class DebianPackagesTest {

    private static final String DEBIAN =
            """
            linux-image-6.1.0-47-amd64-dbg - Debug symbols for linux-image-6.1.0-47-amd64
            linux-image-6.1.0-47-amd64-unsigned - Linux 6.1 for 64-bit PCs
            linux-image-6.1.0-47-cloud-amd64 - Linux 6.1 for x86-64 cloud (signed)
            linux-image-6.1.0-9-amd64 - Linux 6.1 for 64-bit PCs (signed)
            linux-image-6.1.0-47-amd64 - Linux 6.1 for 64-bit PCs (signed)
            linux-image-6.1.0-47-rt-amd64 - Linux 6.1 for 64-bit PCs, PREEMPT_RT (signed)
            linux-image-6.12.90+deb12-amd64 - Linux 6.12 for 64-bit PCs (signed)
            linux-image-6.12.117+deb12-amd64 - Linux 6.12 for 64-bit PCs (signed)
            linux-image-6.12.117+deb12-cloud-amd64 - Linux 6.12 for x86-64 cloud (signed)
            """;

    @Test
    void offersThePlainFlavourOnly() {
        assertThat(DebianPackages.releases(DEBIAN, List.of("amd64", "generic")))
                .containsExactly("6.1.0-9-amd64", "6.1.0-47-amd64", "6.12.90+deb12-amd64", "6.12.117+deb12-amd64");
        assertThat(DebianPackages.releases(
                        """
                        linux-image-6.8.0-31-generic - Signed kernel image generic
                        linux-image-6.8.0-31-lowlatency - Signed kernel image lowlatency
                        linux-image-unsigned-6.8.0-31-generic - Linux kernel image for version 6.8.0
                        """,
                        List.of("amd64", "generic")))
                .containsExactly("6.8.0-31-generic");
    }

    @Test
    void aFlavourIsNotOneThatOnlyBeginsOrEndsLikeIt() {
        String listing =
                """
                linux-image-6.1.0-47-armmp - Linux 6.1 for ARMv7 multiplatform compatible SoCs
                linux-image-6.1.0-47-armmp-lpae - Linux 6.1 for ARMv7 multiplatform compatible SoCs supporting LPAE
                linux-image-6.1.0-47-rt-armmp - Linux 6.1 for ARMv7 multiplatform compatible SoCs, PREEMPT_RT
                linux-image-6.1.0-50-686 - Linux 6.1 for older PCs (signed)
                linux-image-6.1.0-50-686-pae - Linux 6.1 for modern PCs (signed)
                linux-image-6.1.0-50-686-pae-unsigned - Linux 6.1 for modern PCs
                linux-image-6.1.0-50-rt-686-pae - Linux 6.1 for modern PCs, PREEMPT_RT (signed)
                """;
        assertThat(DebianPackages.releases(listing, List.of("armmp"))).containsExactly("6.1.0-47-armmp");
        assertThat(DebianPackages.releases(listing, List.of("686-pae"))).containsExactly("6.1.0-50-686-pae");
    }

    @Test
    void anImageWithoutItsHeadersIsOfNoUse() {
        String listing =
                """
                linux-headers-6.12.117+deb13-amd64 - Header files for Linux 6.12.117+deb13-amd64
                linux-headers-6.12.117+deb13-common - Common header files for Linux 6.12.117+deb13
                linux-image-6.12.117+deb13-amd64 - Linux 6.12 for 64-bit PCs (signed)
                linux-image-6.19.14+deb13-amd64 - Linux 6.19 for 64-bit PCs (signed)
                """;
        assertThat(DebianPackages.withHeaders(DebianPackages.releases(listing, List.of("amd64")), listing))
                .containsExactly("6.12.117+deb13-amd64");
    }

    @Test
    void picksTheNewestByNumberNotByText() {
        List<String> releases = DebianPackages.releases(DEBIAN, List.of("amd64"));
        assertThat(DebianPackages.newest(releases, "6.1")).contains("6.1.0-47-amd64");
        assertThat(DebianPackages.newest(releases, "6.12")).contains("6.12.117+deb12-amd64");
        assertThat(DebianPackages.newest(releases, "6.1.0-9-amd64")).contains("6.1.0-9-amd64");
        assertThat(DebianPackages.newest(releases, "")).contains("6.12.117+deb12-amd64");
        assertThat(DebianPackages.newest(releases, "5.10")).isEmpty();
    }

    @Test
    void aPrefixEndsWhereANumberEnds() {
        assertThat(DebianPackages.matches("6.12.9-amd64", "6.1")).isFalse();
        assertThat(DebianPackages.matches("6.1.0-9-amd64", "6.1")).isTrue();
        assertThat(DebianPackages.matches("6.1.0-9-amd64", "6.")).isTrue();
        assertThat(DebianPackages.matches("6.1", "6.1")).isTrue();
    }

    @Test
    void followsOnlyTheKernelsOwnParts() {
        assertThat(
                        DebianPackages.parts(
                                """
                        linux-headers-6.12.117+deb12-amd64
                          Depends: linux-base
                          Depends: linux-headers-6.12.117+deb12-common
                         |Depends: linux-image-6.12.117+deb12-amd64
                          Depends: linux-image-6.12.117+deb12-amd64-unsigned
                          Depends: linux-kbuild-6.12.117+deb12
                          Depends: gcc-12
                        """))
                .containsExactly("linux-headers-6.12.117+deb12-common", "linux-kbuild-6.12.117+deb12");
        assertThat(
                        DebianPackages.parts(
                                """
                        linux-image-7.3.1-amd64
                          Depends: kmod
                          PreDepends: linux-binary-7.3.1-amd64
                          Depends: linux-modules-7.3.1-amd64
                        """))
                .containsExactly("linux-binary-7.3.1-amd64", "linux-modules-7.3.1-amd64");
    }

    @Test
    void tellsWhichSuiteAPackageIsOf() {
        assertThat(
                        DebianPackages.suiteOf(
                                """
                        linux-headers-7.3.4+deb13-amd64 | 7.3.4-1~bpo13+1 | http://a.mirror/debian trixie-backports/main amd64 Packages
                        """))
                .contains("trixie-backports");
        assertThat(DebianPackages.suiteOf("")).isEmpty();
        assertThat(DebianPackages.suiteOf("N: Unable to locate package linux-headers-9.9\n"))
                .isEmpty();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DebianSuitesTest {

    @Test
    void takesTheMirrorThatTheMachineHas() {
        assertThat(
                        DebianSuites.mirrorIn(
                                """
                        Another vendor's http://packages.example/apt/
                        Debian Debian-Security http://a.mirror/debian-security/
                        Debian Debian http://a.mirror/debian/
                        Debian Debian http://another.mirror/debian/
                        """))
                .contains("http://a.mirror/debian/");
    }

    @Test
    void aMachineWithoutOneHasNone() {
        assertThat(DebianSuites.mirrorIn("Ubuntu Ubuntu http://a.mirror/ubuntu/\n"))
                .isEmpty();
        assertThat(DebianSuites.mirrorIn("")).isEmpty();
    }
}

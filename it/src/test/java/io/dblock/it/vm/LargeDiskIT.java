// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.vm.ExitStatus;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** In a guest of User Mode Linux each run of pages is a mapping of the host's, and of those it allows only so many. */
@EnabledIf("io.dblock.vm.VmSetup#canMakeUserModeKernels")
class LargeDiskIT {

    private static final long LIMIT_SECONDS = 600;

    /** For vm.max_map_count, of Debian 12 and others; this host may have a higher one. */
    private static final String DEBIANS_LIMIT = "65530";

    private static OrdinaryUser user;

    @BeforeAll
    static void aUserWhoMayNotRaiseTheLimit() throws Exception {
        user = new OrdinaryUser("large-disk");
    }

    @Test
    void aDiskOfOneAndAHalfGibibytesIsReadAndRewrittenAtRandom() throws Exception {
        OrdinaryUser.Result result = user.runJava(
                LIMIT_SECONDS, Map.of("DBLOCK_VM_MAPPINGS", DEBIANS_LIMIT), RewrittenDisk.class, "1536", "1536");
        assertThat(result.status()).as(result.output()).isZero();
        assertThat(result.output()).contains("wrote 1536 MiB");
    }

    /** A disk's pages lie side by side; a program's may not. */
    @Test
    void aProgramThatNeedsMoreMappingsThanAllowedEndsTheGuestWithTheRemedy() throws Exception {
        OrdinaryUser.Result result =
                user.runJava(LIMIT_SECONDS, Map.of("DBLOCK_VM_MAPPINGS", "40000"), ScatteredPages.class, "60000");
        assertThat(result.status()).as(result.output()).isEqualTo(ExitStatus.GUEST_LOST);
        assertThat(result.output())
                .containsPattern("the guest was ended: one of its processes has \\d+ mappings of memory, this host"
                        + " allows 40000, and at that it would hang or go wrong")
                .contains("'sudo sysctl -w vm.max_map_count=1048576'; or use a smaller disk, or DBLOCK_VM_ACCEL=tcg");
    }
}

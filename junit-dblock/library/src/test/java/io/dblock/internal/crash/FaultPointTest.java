// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import java.util.EnumSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FaultPointTest {

    @ParameterizedTest
    @ValueSource(strings = {"flush.3.EIO.once", "write_zeroes.12.ENOSPC.forgood", "read.1.ENODATA.once"})
    void anIdHasAllOfAFault(String id) {
        assertThat(FaultPoint.parse(" " + id).id()).isEqualTo(id);
    }

    @Test
    void aFaultIsToldInWords() {
        assertThat(FaultPoint.parse("flush.3.EIO.once")).hasToString("FLUSH number 3 fails with EIO");
        assertThat(new FaultPoint(Operation.WRITE, 1, Errno.ENOSPC, true))
                .hasToString("WRITE number 1 and all later ones fail with ENOSPC");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "flush.3.EIO", "zone_open.1.EIO.once", "flush.0.EIO.once", "flush.1.EPERM.once"})
    void whatIsNoIdIsRefused(String id) {
        assertThatThrownBy(() -> FaultPoint.parse(id))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("The fault is \"" + id + "\"")
                .hasMessageContaining("flush.3.EIO.once")
                .hasMessageContaining("write_zeroes");
    }

    @Test
    void whatCannotFailIsRefused() {
        assertThatThrownBy(() -> FaultPoint.checkOperations(EnumSet.of(Operation.ZONE_OPEN)))
                .hasMessageContaining("[ZONE_OPEN]")
                .hasMessageContaining("[FLUSH, WRITE, DISCARD, WRITE_ZEROES, READ]");
        assertThatThrownBy(() -> FaultPoint.checkErrors(EnumSet.of(Errno.EPERM)))
                .hasMessageContaining("[EPERM]")
                .hasMessageContaining("EIO");
        assertThatThrownBy(() -> FaultPoint.checkErrors(EnumSet.noneOf(Errno.class)))
                .isInstanceOf(IllegalArgumentException.class);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.junit;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.WriteFlags;
import io.dblock.junit.DblockDevice;
import java.nio.ByteBuffer;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The devices of one test are made side by side: each is looked at for partitions, and no handler here answers before that
 * of the other device has been asked, too. Made one after the other, the first would fail.
 */
class SideBySideTest {
    private static final int LIMIT_SECONDS = 20;

    /** Of the devices that are made next. The fields' come before {@code @BeforeEach}. */
    private static volatile CountDownLatch meeting = new CountDownLatch(2);

    /** Holds zeros, and answers once two of them have been asked. */
    public static final class Meeting implements BlockHandler {
        private final CountDownLatch all = meeting;
        private boolean asked;

        @Override
        public void read(long offset, ByteBuffer dst) throws BlockIOException {
            meet();
            while (dst.hasRemaining()) {
                dst.put((byte) 0);
            }
        }

        private synchronized void meet() throws BlockIOException {
            if (!asked) {
                asked = true;
                all.countDown();
            }
            try {
                if (!all.await(LIMIT_SECONDS, TimeUnit.SECONDS)) {
                    throw new IllegalStateException("no other device was asked within " + LIMIT_SECONDS + " s");
                }
            } catch (InterruptedException e) {
                throw new BlockIOException(Errno.EINTR, e.toString());
            }
        }

        @Override
        public void write(long offset, ByteBuffer src, WriteFlags flags) throws BlockIOException {
            throw new BlockIOException(Errno.ENOSPC, "it holds zeros");
        }
    }

    @DblockDevice(handler = Meeting.class)
    BlockDevice first;

    @DblockDevice(handler = Meeting.class)
    BlockDevice second;

    @BeforeEach
    void forTheParameters() {
        meeting = new CountDownLatch(2);
    }

    @Test
    void handlersThatWaitForEachOtherMeet(
            @DblockDevice(handler = Meeting.class) BlockDevice third,
            @DblockDevice(handler = Meeting.class) BlockDevice fourth) {
        assertThat(meeting.getCount()).isZero();
        assertThat(third.name()).isNotEqualTo(fourth.name());
        assertThat(first.name()).isNotEqualTo(second.name());
    }
}

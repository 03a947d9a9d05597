// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Repeatable;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * {@code @DblockFault} beside {@link DblockDevice @DblockDevice} arms a fault rule on each device of that declaration: for simple
 * cases. {@link io.dblock.BlockDevice#faults()} can do more, and at a moment of the test's choice.
 *
 * <pre>{@code
 * @Test
 * void aBadSectorIsReported(
 *         @DblockDevice @DblockFault(on = WRITE, sectors = "8-15", errno = EIO) BlockDevice disk) {
 *     assertThatThrownBy(() -> Ledger.open(disk.path())).isInstanceOf(IOException.class);
 * }
 * }</pre>
 *
 * <p>It is armed when the device has been made, formatted and, for a {@link java.nio.file.Path}, mounted; several in the
 * order in which they are written. A rule that has acted on no request fails the test when the device's scope ends, unless
 * it is {@link #lenient()}.
 *
 * @see io.dblock.fault.FaultBuilder
 */
@Target({ElementType.ANNOTATION_TYPE, ElementType.FIELD, ElementType.PARAMETER})
@Retention(RetentionPolicy.RUNTIME)
@Documented
@Repeatable(DblockFault.List.class)
@ExtendWith(DblockDeviceExtension.class)
public @interface DblockFault {

    /** The operations it concerns. Left out: all. */
    Operation[] on() default {};

    /**
     * Sectors of 512 bytes, whatever the logical block is: the first and the last one, {@code "8-15"}, or one, {@code "8"}; whole
     * logical blocks. Left out: all; not together with {@link #bytes()}.
     */
    String sectors() default "";

    /**
     * An offset and a length in bytes or with units, {@code "4KiB+512"}; whole logical blocks. Left out: all; not together with
     * {@link #sectors()}.
     */
    String bytes() default "";

    /** Flags that a request has to have, all of them. Left out: none. */
    RequestFlag[] flags() default {};

    /** What these sectors fail with: one of {@link io.dblock.fault.Action#ERRORS}. Left out: EIO. */
    Errno errno() default Errno.EIO;

    /** How many matching requests it lets by first. Left out: none. */
    long after() default 0;

    /** How many requests it fails at most. Left out: no limit. */
    long times() default Long.MAX_VALUE;

    /** With which probability it fails a matching request, above 0, up to 1. Left out: 1. */
    double probability() default 1;

    /** Only when this mark has been set with {@code journal().mark(text)}. Left out: from the beginning. */
    String sinceMark() default "";

    /** Only until this mark is set. Left out: to the end. */
    String untilMark() default "";

    /** What it is called in the journal and in errors. Left out: {@code fault-1}, {@code fault-2} and so on. */
    String name() default "";

    /** Whether it is all right if it never acts. */
    boolean lenient() default false;

    /** Several. */
    @Target({ElementType.ANNOTATION_TYPE, ElementType.FIELD, ElementType.PARAMETER})
    @Retention(RetentionPolicy.RUNTIME)
    @Documented
    @ExtendWith(DblockDeviceExtension.class)
    @interface List {
        /** Each of them. */
        DblockFault[] value();
    }
}

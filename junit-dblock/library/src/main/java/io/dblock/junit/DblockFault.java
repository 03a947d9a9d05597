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
 * Arms a simple fault rule on each device of the {@link DblockDevice @DblockDevice} declaration that it is on.
 * {@link io.dblock.BlockDevice#faults()} arms all kinds of rules, at any moment of the test.
 *
 * <pre>{@code
 * @Test
 * void aBadSectorIsReported(
 *         @DblockDevice @DblockFault(on = WRITE, sectors = "8-15", errno = EIO) BlockDevice disk) {
 *     assertThatThrownBy(() -> Ledger.open(disk.path())).isInstanceOf(IOException.class);
 * }
 * }</pre>
 *
 * <p>The rule is armed when the device has been made, formatted and, for a {@link java.nio.file.Path}, mounted. Several
 * rules are armed in the order in which they are written. A rule that has acted on no request when the device's scope
 * ends fails the test, unless it is {@link #lenient()}.
 *
 * @see io.dblock.fault.FaultBuilder
 */
@Target({ElementType.ANNOTATION_TYPE, ElementType.FIELD, ElementType.PARAMETER})
@Retention(RetentionPolicy.RUNTIME)
@Documented
@Repeatable(DblockFault.List.class)
@ExtendWith(DblockDeviceExtension.class)
public @interface DblockFault {

    /** The operations that the rule matches. Default: all. */
    Operation[] on() default {};

    /**
     * The sectors that the rule matches, always of 512 bytes: the first and the last one, {@code "8-15"}, or a single
     * one, {@code "8"}. They must cover whole logical blocks. Default: all. Cannot be combined with {@link #bytes()}.
     */
    String sectors() default "";

    /**
     * The bytes that the rule matches: an offset and a length in bytes or with units, {@code "4KiB+512"}. They must
     * cover whole logical blocks. Default: all. Cannot be combined with {@link #sectors()}.
     */
    String bytes() default "";

    /**
     * The file that the rule matches: its path from the root of the device's filesystem, {@code "wal/000003.log"}, or a
     * glob, {@code "table-*"}. Default: all requests. What it holds for is said at {@link io.dblock.fault.FaultBuilder#file}.
     */
    String file() default "";

    /** The flags that a request must have, all of them. Default: none. */
    RequestFlag[] flags() default {};

    /** The error that the matched sectors fail with, one of {@link io.dblock.fault.Action#ERRORS}. Default EIO. */
    Errno errno() default Errno.EIO;

    /** How many matching requests pass before the rule acts. Default 0. */
    long after() default 0;

    /** How many requests the rule fails at most. Default: no limit. */
    long times() default Long.MAX_VALUE;

    /** The probability with which the rule fails a matching request, above 0, up to 1. Default 1. */
    double probability() default 1;

    /** The mark that starts the rule when {@code journal().mark(text)} sets it. Default: from the beginning. */
    String sinceMark() default "";

    /** The mark that ends the rule when it is set. Default: to the end. */
    String untilMark() default "";

    /** The name of the rule in the journal and in errors. Default {@code fault-1}, {@code fault-2} and so on. */
    String name() default "";

    /** Whether the test may pass even if the rule never acts. Default {@code false}. */
    boolean lenient() default false;

    /** Several rules on one declaration. */
    @Target({ElementType.ANNOTATION_TYPE, ElementType.FIELD, ElementType.PARAMETER})
    @Retention(RetentionPolicy.RUNTIME)
    @Documented
    @ExtendWith(DblockDeviceExtension.class)
    @interface List {
        /** The rules. */
        DblockFault[] value();
    }
}

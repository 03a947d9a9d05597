// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

/**
 * Something that a test armed or asked for without effect. The test may pass and still show nothing.
 *
 * @param kind what it is
 * @param text one sentence: the device, what was armed or asked for, and, if known, why it had no effect
 */
public record Unproven(Kind kind, String text) {

    /** What can remain without effect. */
    public enum Kind {
        /** A rule that has acted on no request. */
        RULE_NEVER_ACTED("Make a request that the rule acts on before the test ends, or make the rule lenient()."),
        /** A rule that was begun and never got an action. */
        RULE_WITHOUT_ACTION("Give the rule an action, as in faults().on(WRITE).times(1).fail(EIO), or remove it."),
        /** A power cut was to choose survivors among unflushed writes, and there never were any. */
        NOTHING_TO_SURVIVE("Cut the power while there are unflushed writes, see BlockDevice.unflushed(), or make the"
                + " survivors lenient()."),
        /** The device could not be asked. */
        NOT_KNOWN("The device's server is gone or does not answer. Keep it running until the test ends.");

        private final String advice;

        Kind(String advice) {
            this.advice = advice;
        }

        /** Returns what to do about it, including how to allow it. */
        public String advice() {
            return advice;
        }
    }

    /** Returns the text. */
    @Override
    public String toString() {
        return text;
    }
}

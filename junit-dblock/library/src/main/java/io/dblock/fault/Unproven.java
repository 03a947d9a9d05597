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
        RULE_NEVER_ACTED("Let what a rule is to hit happen before the test ends, or make the rule lenient()."),
        /** A rule that was begun and never got an action. */
        RULE_WITHOUT_ACTION("Say what such a rule does, as in faults().on(WRITE).times(1).fail(EIO), or remove it."),
        /** A power cut was to choose survivors among unflushed writes, and there never were any. */
        NOTHING_TO_SURVIVE("Let a cut come when there are unflushed writes, see BlockDevice.unflushed(), or make its"
                + " survivors lenient()."),
        /** The device could not be asked. */
        NOT_KNOWN("What a server that is gone or silent knew cannot be told. Keep it running until the test ends.");

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

// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

/** The type of a frame. The numbers are those of {@code enum frame_type} in {@code guest-init.c}. */
enum FrameType {
    /** Guest to host: the guest kernel's release, as text. */
    HELLO(1),
    /** Guest to host: the command was started; 64-bit little-endian milliseconds since the kernel's start. */
    STARTED(2),
    /** Guest to host: bytes of the command's standard output. */
    STDOUT(3),
    /** Guest to host: bytes of the command's standard error. */
    STDERR(4),
    /** Guest to host: a sign of life, without content. */
    HEARTBEAT(5),
    /** Guest to host: one line of text for the user. */
    LOG(6),
    /** Guest to host: why the command could not be run. */
    ERROR(7),
    /** Guest to host: exit status and signal number, 32-bit little-endian each, then kernel trouble as text. */
    EXIT(8),
    /** Guest to host: how many more bytes of standard input may be sent, 32-bit little-endian. */
    CREDIT(9),
    /**
     * Guest to host: a frame of standard input or of a connection was taken from the line. Only guests of User Mode Linux
     * send it, whose line has little room.
     */
    TAKEN(10),
    // Frames of a connection to a forwarded port. All begin with the number of the connection, 32-bit little-endian.
    /** Guest to host, the last frame of a connection: the guest's port did not accept it; the reason as text. */
    CONNECTION_REFUSED(16),
    /** Guest to host: bytes from the program in the guest. */
    CONNECTION_OUT(17),
    /** Guest to host: the program in the guest sends no more. */
    CONNECTION_OUT_END(18),
    /** Guest to host: how many more bytes may be sent to the program in the guest, 32-bit little-endian. */
    CONNECTION_IN_CREDIT(19),
    /**
     * Guest to host, the last frame of a connection: it is closed. The text says why it was closed early; it is empty if
     * both sides had ended.
     */
    CONNECTION_CLOSED(20),
    /** Host to guest: bytes for the command's standard input. */
    STDIN(32),
    /** Host to guest: the end of the command's standard input. */
    STDIN_EOF(33),
    /** Host to guest: a signal number for the command, 32-bit little-endian. */
    SIGNAL(34),
    /** Host to guest: the exit frame arrived whole. */
    ACK(35),
    /** Host to guest: the reader of the command's standard output is gone. */
    CLOSE_STDOUT(36),
    /** Host to guest, the first frame of a connection: the guest's port, 32-bit little-endian. Numbers count from 0. */
    CONNECT(48),
    /** Host to guest: bytes for the program in the guest. */
    CONNECTION_IN(49),
    /** Host to guest: the program on the host sends no more. */
    CONNECTION_IN_END(50),
    /** Host to guest: how many more bytes from the program in the guest may be sent, 32-bit little-endian. */
    CONNECTION_OUT_CREDIT(51),
    /** Host to guest: the program on the host is gone. The guest still answers that the connection is closed. */
    CONNECTION_ABORT(52);

    private final int number;

    FrameType(int number) {
        this.number = number;
    }

    int number() {
        return number;
    }

    /** Returns the type with this number, or null if there is none. */
    static FrameType of(int number) {
        for (FrameType type : values()) {
            if (type.number == number) {
                return type;
            }
        }
        return null;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A TCP port of this host that is forwarded to a port of the guest, both at 127.0.0.1.
 *
 * @param host the port of the host, 1 to 65535
 * @param guest the port of the guest, 1 to 65535
 */
record ForwardedPort(int host, int guest) {

    private static final Pattern FORM = Pattern.compile("(\\d{1,5})(?::(\\d{1,5}))?");

    /**
     * Parses the value of {@link VmSettings#FORWARD}.
     *
     * @throws VmException if the value is not allowed; says what is allowed
     */
    static List<ForwardedPort> parse(String value) {
        List<ForwardedPort> ports = new ArrayList<>();
        Set<Integer> ofHost = new HashSet<>();
        for (String part : value.split(",", -1)) {
            Matcher form = FORM.matcher(part.strip());
            if (!form.matches()) {
                throw refused(value, "'" + part + "' is neither PORT nor HOSTPORT:GUESTPORT");
            }
            int host = number(value, form.group(1));
            ports.add(new ForwardedPort(host, form.group(2) == null ? host : number(value, form.group(2))));
            if (!ofHost.add(host)) {
                throw refused(value, "port " + host + " of this host is named twice");
            }
        }
        return List.copyOf(ports);
    }

    private static int number(String value, String digits) {
        int number = Integer.parseInt(digits);
        if (number < 1 || number > 65535) {
            throw refused(value, digits + " is no port");
        }
        return number;
    }

    private static VmException refused(String value, String why) {
        return new VmException(VmSettings.FORWARD + "=" + value + ": " + why
                + "; allowed are PORT and HOSTPORT:GUESTPORT, split by commas, each from 1 to 65535 and each of this"
                + " host's once. Name them so, such as " + VmSettings.FORWARD + "=5005 or "
                + VmSettings.FORWARD + "=15005:5005,8080");
    }

    @Override
    public String toString() {
        return host == guest ? Integer.toString(host) : host + ":" + guest;
    }
}

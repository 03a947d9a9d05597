// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.Parameter;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The declaration of a device.
 *
 * @param text the name in messages, such as {@code @DblockDevice parameter disk of LedgerTest.survives(BlockDevice)}
 * @param name the name of the field or parameter
 */
record Declaration(String text, String name) {

    /** Returns the declaration of a field or parameter. */
    static Declaration of(String annotation, AnnotatedElement element) {
        return element instanceof Field field
                ? ofField(annotation, field)
                : ofParameter(annotation, (Parameter) element);
    }

    static Declaration ofField(String annotation, Field field) {
        return new Declaration(
                annotation + " field " + field.getName() + " of " + name(field.getDeclaringClass()), field.getName());
    }

    static Declaration ofParameter(String annotation, Parameter parameter) {
        Executable executable = parameter.getDeclaringExecutable();
        String parameters = Arrays.stream(executable.getParameterTypes())
                .map(Class::getSimpleName)
                .collect(Collectors.joining(", ", "(", ")"));
        String where = executable instanceof Constructor
                ? "the constructor " + name(executable.getDeclaringClass())
                : name(executable.getDeclaringClass()) + "." + executable.getName();
        return new Declaration(
                annotation + " parameter " + parameter.getName() + " of " + where + parameters, parameter.getName());
    }

    /** Returns the name of a class without its package, which is enough to find a test class. */
    static String name(Class<?> type) {
        return type.getName()
                .substring(
                        type.getPackageName().isEmpty()
                                ? 0
                                : type.getPackageName().length() + 1)
                .replace('$', '.');
    }

    @Override
    public String toString() {
        return text;
    }
}

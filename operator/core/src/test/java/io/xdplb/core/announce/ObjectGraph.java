// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import sun.misc.Unsafe;

/**
 * Copies and fingerprints of objects of this package with all that they hold, so that the states of
 * a world can be enumerated without the shipped classes knowing of it. Records and strings are
 * values and are shared.
 */
final class ObjectGraph {

  private static final Unsafe UNSAFE = unsafe();
  private static final Map<Class<?>, Field[]> FIELDS = new HashMap<>();
  private static final IdentityHashMap<Object, Long> RECORDS = new IdentityHashMap<>();
  private static final Map<Class<?>, Boolean> VALUES = new HashMap<>();

  private final IdentityHashMap<Object, Object> copies = new IdentityHashMap<>();

  private ObjectGraph() {}

  @SuppressWarnings("unchecked")
  static <T> T copy(T object) {
    return (T) new ObjectGraph().copyOf(object);
  }

  private Object copyOf(Object o) {
    if (o == null || isValue(o.getClass())) {
      return o;
    }
    Object known = copies.get(o);
    if (known != null) {
      return known;
    }
    if (o instanceof Object[] array) {
      Object[] copy = array.clone();
      for (int i = 0; i < copy.length; i++) {
        copy[i] = copyOf(copy[i]);
      }
      return copy;
    }
    if (o instanceof long[] array) {
      return array.clone();
    }
    if (o instanceof boolean[] array) {
      return array.clone();
    }
    if (o instanceof Map<?, ?> map) {
      Map<Object, Object> copy = o instanceof TreeMap ? new TreeMap<>() : new HashMap<>();
      map.forEach((key, value) -> copy.put(copyOf(key), copyOf(value)));
      return copy;
    }
    if (o instanceof Collection<?> collection) {
      Collection<Object> copy =
          o instanceof LinkedHashSet
              ? new LinkedHashSet<>()
              : o instanceof HashSet
                  ? new HashSet<>()
                  : o instanceof ArrayDeque ? new ArrayDeque<>() : new ArrayList<>();
      collection.forEach(element -> copy.add(copyOf(element)));
      return copy;
    }
    try {
      Object copy = UNSAFE.allocateInstance(o.getClass());
      copies.put(o, copy);
      for (Field field : fields(o.getClass())) {
        long at = UNSAFE.objectFieldOffset(field);
        Class<?> type = field.getType();
        if (type == long.class) {
          UNSAFE.putLong(copy, at, UNSAFE.getLong(o, at));
        } else if (type == int.class) {
          UNSAFE.putInt(copy, at, UNSAFE.getInt(o, at));
        } else if (type == boolean.class) {
          UNSAFE.putBoolean(copy, at, UNSAFE.getBoolean(o, at));
        } else if (type.isPrimitive()) {
          throw new IllegalStateException("cannot copy " + field);
        } else {
          UNSAFE.putObject(copy, at, copyOf(UNSAFE.getObject(o, at)));
        }
      }
      return copy;
    } catch (InstantiationException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Equal for what is equal in all its parts; different, but for chance of 2^-64, for others. */
  static long fingerprint(Object o) {
    if (!(o instanceof Record)) {
      return compute(o);
    }
    Long known = RECORDS.get(o);
    if (known == null) {
      known = compute(o);
      if (RECORDS.size() > 200_000) {
        RECORDS.clear();
      }
      RECORDS.put(o, known);
    }
    return known;
  }

  private static long compute(Object o) {
    if (o == null) {
      return 17;
    }
    if (o instanceof Long number) {
      return mix(number);
    }
    if (o instanceof Integer number) {
      return mix(number + 0x1_0000_0000L);
    }
    if (o instanceof Boolean flag) {
      return flag ? 11 : 13;
    }
    if (o instanceof String text) {
      long hash = 19;
      for (int i = 0; i < text.length(); i++) {
        hash = mix(hash ^ text.charAt(i));
      }
      return hash;
    }
    long hash = 0;
    if (o instanceof long[] array) {
      for (long number : array) {
        hash = mix(hash ^ number);
      }
    } else if (o instanceof boolean[] array) {
      for (boolean flag : array) {
        hash = mix(hash ^ (flag ? 1 : 0));
      }
    } else if (o instanceof Object[] array) {
      for (Object element : array) {
        hash = mix(hash ^ fingerprint(element));
      }
    } else if (o instanceof Map<?, ?> map) {
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        hash += mix(fingerprint(entry.getKey()) ^ mix(fingerprint(entry.getValue())));
      }
    } else if (o instanceof HashSet<?> set && !(o instanceof LinkedHashSet)) {
      for (Object element : set) {
        hash += fingerprint(element);
      }
    } else if (o instanceof Collection<?> collection) {
      for (Object element : collection) {
        hash = mix(hash ^ fingerprint(element));
      }
    } else {
      hash = o.getClass().getName().hashCode();
      for (Field field : fields(o.getClass())) {
        try {
          hash = mix(hash ^ fingerprint(field.get(o)));
        } catch (IllegalAccessException e) {
          throw new IllegalStateException(e);
        }
      }
    }
    return mix(hash);
  }

  private static boolean isValue(Class<?> type) {
    return VALUES.computeIfAbsent(
        type,
        t ->
            t.isRecord()
                || t.isEnum()
                || t == String.class
                || Number.class.isAssignableFrom(t)
                || t == Boolean.class
                || t.getName().startsWith("java.util.ImmutableCollections"));
  }

  private static Field[] fields(Class<?> type) {
    return FIELDS.computeIfAbsent(
        type,
        t -> {
          List<Field> all = new ArrayList<>();
          for (Field field : t.getDeclaredFields()) {
            if (!Modifier.isStatic(field.getModifiers())) {
              field.setAccessible(true);
              all.add(field);
            }
          }
          return all.toArray(Field[]::new);
        });
  }

  private static long mix(long value) {
    long z = value + 0x9e37_79b9_7f4a_7c15L;
    z = (z ^ z >>> 30) * 0xbf58_476d_1ce4_e5b9L;
    z = (z ^ z >>> 27) * 0x94d0_49bb_1331_11ebL;
    return z ^ z >>> 31;
  }

  private static Unsafe unsafe() {
    try {
      Field field = Unsafe.class.getDeclaredField("theUnsafe");
      field.setAccessible(true);
      return (Unsafe) field.get(null);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }
}

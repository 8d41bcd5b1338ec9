// Records list their fields once, in wire order; reading, writing and printing
// follow from that list.
//
//   struct SyncRequest {
//     std::string_view path;
//     static constexpr auto Fields() {
//       return std::tuple{Field{"path", &SyncRequest::path}};
//     }
//   };
//
//   InputArchive in(bytes);
//   SyncRequest request;
//   if (!Read(in, &request)) ...        // Short or absurd input
//   Write(request, &out);
//
// Fields are int32_t, int64_t, bool, std::string_view (also for buffers),
// records, and vectors of these.  Views point into the bytes that were read.

#ifndef PADDOCK_JUTE_RECORD_H_
#define PADDOCK_JUTE_RECORD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "jute/archive.h"

namespace paddock::jute {

template <class R, class T>
struct Field {
  const char* name;
  T R::*member;
};
template <class R, class T>
Field(const char*, T R::*) -> Field<R, T>;

template <class T>
concept Record = requires {
  T::Fields();
};

template <Record R>
bool Read(InputArchive& in, R* record);
template <Record R>
void Write(const R& record, std::string* out);

namespace internal {

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

// The least number of bytes that a value of T takes on the wire.
template <class T>
constexpr size_t BytesMin() {
  if constexpr (std::is_same_v<T, bool>) {
    return 1;
  } else if constexpr (std::is_integral_v<T>) {
    return sizeof(T);
  } else if constexpr (Record<T>) {
    return std::apply(
        [](const auto&... field) {
          return (BytesMin<std::decay_t<decltype(T{}.*(field.member))>>() +
                  ... + 0);
        },
        T::Fields());
  } else {
    return 4;  // Length of a string, count of a vector
  }
}

// Whether all values of T take BytesMin<T>() bytes.
template <class T>
constexpr bool IsFixedSize() {
  if constexpr (std::is_integral_v<T>) {
    return true;
  } else if constexpr (Record<T>) {
    return std::apply(
        [](const auto&... field) {
          return (IsFixedSize<std::decay_t<decltype(T{}.*(field.member))>>() &&
                  ...);
        },
        T::Fields());
  } else {
    return false;
  }
}

template <class T>
void ReadValue(InputArchive& in, T* value) {
  if constexpr (std::is_same_v<T, bool>) {
    *value = in.ReadBool();
  } else if constexpr (std::is_same_v<T, int32_t>) {
    *value = in.ReadInt();
  } else if constexpr (std::is_same_v<T, int64_t>) {
    *value = in.ReadLong();
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    *value = in.ReadString();
  } else if constexpr (IsVector<T>::value) {
    const size_t count = in.ReadCount(BytesMin<typename T::value_type>());
    value->resize(count);
    for (auto& element : *value) {
      ReadValue(in, &element);
    }
  } else {
    Read(in, value);
  }
}

// Stores a value of fixed size at `to`; returns the end of what it stored.
template <class T>
char* StoreFixed(char* to, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    *to = value ? 1 : 0;
    return to + 1;
  } else if constexpr (std::is_integral_v<T>) {
    StoreBigEndian(to, value);
    return to + sizeof(T);
  } else {
    std::apply(
        [&](const auto&... field) {
          ((to = StoreFixed(to, value.*(field.member))), ...);
        },
        T::Fields());
    return to;
  }
}

template <class T>
void WriteValue(OutputArchive& out, const T& value) {
  if constexpr (IsFixedSize<T>()) {
    char bytes[BytesMin<T>()];
    StoreFixed(bytes, value);
    out.WriteBytes(bytes, sizeof bytes);
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    out.WriteString(value);
  } else if constexpr (IsVector<T>::value) {
    out.WriteInt(static_cast<int32_t>(value.size()));
    for (const auto& element : value) {
      WriteValue(out, element);
    }
  } else {
    std::apply(
        [&](const auto&... field) {
          (WriteValue(out, value.*(field.member)), ...);
        },
        T::Fields());
  }
}

void PrintString(std::string_view value, std::string* out);

template <class T>
void PrintValue(const T& value, std::string* out) {
  if constexpr (std::is_same_v<T, bool>) {
    out->append(value ? "true" : "false");
  } else if constexpr (std::is_integral_v<T>) {
    out->append(std::to_string(value));
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    PrintString(value, out);
  } else if constexpr (IsVector<T>::value) {
    out->push_back('[');
    for (size_t i = 0; i < value.size(); ++i) {
      out->append(i == 0 ? "" : ", ");
      PrintValue(value[i], out);
    }
    out->push_back(']');
  } else {
    out->push_back('{');
    const char* separator = "";
    std::apply(
        [&](const auto&... field) {
          ((out->append(separator), out->append(field.name), out->append("="),
            PrintValue(value.*(field.member), out), separator = ", "),
           ...);
        },
        T::Fields());
    out->push_back('}');
  }
}

}  // namespace internal

// Reads `record`; false when the input ended early or held an absurd length.
// Bytes after the record stay unread.
template <Record R>
bool Read(InputArchive& in, R* record) {
  std::apply(
      [&](const auto&... field) {
        (internal::ReadValue(in, &(record->*(field.member))), ...);
      },
      R::Fields());
  return in.ok();
}

template <Record R>
bool Read(std::string_view bytes, R* record) {
  InputArchive in(bytes);
  return Read(in, record);
}

// Appends `record` to `out`.
template <Record R>
void Write(const R& record, std::string* out) {
  OutputArchive archive(out);
  internal::WriteValue(archive, record);
}

// `record` as text, for people: {path="/a", version=3}.
template <Record R>
std::string Print(const R& record) {
  std::string text;
  internal::PrintValue(record, &text);
  return text;
}

}  // namespace paddock::jute

#endif  // PADDOCK_JUTE_RECORD_H_

#include "cli/txn_text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "jute/proto.h"
#include "jute/record.h"
#include "jute/txn.h"

namespace paddock::cli {
namespace {

using jute::OpCode;

constexpr int64_t kTime = 1769903999123;
constexpr char kStart[] = "0x100000002 2026-01-31T23:59:59.123Z session 0xab ";

std::vector<jute::ACL> OpenAcl() { return {{31, {"world", "anyone"}}}; }

template <class R>
std::string Payload(OpCode type, const R& record) {
  std::string payload;
  jute::Write(jute::TxnHeader{.clientId = 0xab,
                              .cxid = 7,
                              .zxid = 0x100000002,
                              .time = kTime,
                              .type = static_cast<int32_t>(type)},
              &payload);
  jute::Write(record, &payload);
  return payload;
}

std::string CreatePayload(std::string_view path, std::string_view data) {
  return Payload(OpCode::kCreate,
                 jute::CreateTxn{.path = path, .data = data, .acl = OpenAcl()});
}

std::string Line(const std::string& payload) {
  return TxnLine(DecodePayload(payload), std::nullopt);
}

TEST(TxnTextTest, OneOperation) {
  EXPECT_EQ(Line(CreatePayload("/a", "text")),
            std::string(kStart) + "cxid 7 create /a 4 bytes");
  EXPECT_EQ(
      TxnLine(DecodePayload(CreatePayload("/a", "text")), 2),
      std::string(kStart) + "cxid 7 create /a 4 bytes \"te\" and 2 bytes more");
  EXPECT_EQ(Line(Payload(
                OpCode::kSetAcl,
                jute::SetACLTxn{.path = "/a", .acl = OpenAcl(), .version = 3})),
            std::string(kStart) +
                "cxid 7 setACL /a version 3 acl world:anyone:cdrwa");
  EXPECT_EQ(Line(Payload(OpCode::kError, jute::ErrorTxn{-101})),
            std::string(kStart) + "cxid 7 error NONODE");
  EXPECT_EQ(Line(Payload(OpCode::kCreateSession, jute::CreateSessionTxn{4000})),
            std::string(kStart) + "cxid 7 createSession timeout 4000 ms");
}

TEST(TxnTextTest, SeveralOperations) {
  std::string create;
  jute::Write(jute::DeleteTxn{.path = "/a"}, &create);
  std::string check;
  jute::Write(jute::CheckVersionTxn{.path = "/b", .version = 5}, &check);
  EXPECT_EQ(
      Line(Payload(
          OpCode::kMulti,
          jute::MultiTxn{{{static_cast<int32_t>(OpCode::kDelete), create},
                          {static_cast<int32_t>(OpCode::kCheck), check}}})),
      std::string(kStart) + "cxid 7 multi: delete /a; check /b version 5");
  EXPECT_EQ(
      Line(Payload(OpCode::kCloseSession,
                   jute::CloseSessionTxn{.paths2Delete = {"/e", "/f g"}})),
      std::string(kStart) + "cxid 7 closeSession: delete /e; delete \"/f g\"");
}

TEST(TxnTextTest, WhatCannotBeDecodedIsSaid) {
  const std::string payload = CreatePayload("/a", "text").substr(0, 40);
  const TxnView txn = DecodePayload(payload);
  EXPECT_FALSE(txn.is_whole);
  EXPECT_EQ(TxnLine(txn, std::nullopt),
            std::string(kStart) + "cxid 7 create CANNOT BE DECODED");
  EXPECT_EQ(Line(Payload(OpCode{99}, jute::ErrorTxn{})),
            std::string(kStart) + "cxid 7 type 99 CANNOT BE DECODED");
}

TEST(TxnTextTest, Json) {
  const std::string payload = CreatePayload("/a", "te\xff");
  EXPECT_EQ(TxnJson(DecodePayload(payload), "log.1", 16, 2),
            R"({"zxid": "0x100000002", "time": "2026-01-31T23:59:59.123Z", )"
            R"("session": "0xab", "cxid": 7, "type": "create", "operations": )"
            R"([{"type": "create", "path": "/a", "acl": "world:anyone:cdrwa", )"
            R"("size": 3, "data_cut": true, "data": "te"}], "file": "log.1", )"
            R"("offset": 16})");
  EXPECT_NE(TxnJson(DecodePayload(payload), "log.1", 16, 3)
                .find(R"("data_hex": "7465ff")"),
            std::string::npos);
}

TEST(TxnTextTest, FiltersIncludeTheirBounds) {
  const std::string payload = CreatePayload("/a/b", "");
  const TxnView txn = DecodePayload(payload);
  EXPECT_TRUE(TxnFilter{}.Selects(txn));
  for (const char* path : {"/", "/a", "/a/b"}) {
    EXPECT_TRUE(TxnFilter{.path = path}.Selects(txn)) << path;
  }
  for (const char* path : {"/a/b/c", "/a/", "/b", "/a/bc"}) {
    EXPECT_FALSE(TxnFilter{.path = path}.Selects(txn)) << path;
  }
  EXPECT_TRUE(TxnFilter{.session = 0xab}.Selects(txn));
  EXPECT_FALSE(TxnFilter{.session = 0}.Selects(txn));
  const uint64_t zxid = 0x100000002;
  EXPECT_TRUE((TxnFilter{.from_zxid = zxid, .to_zxid = zxid}.Selects(txn)));
  EXPECT_FALSE(TxnFilter{.from_zxid = zxid + 1}.Selects(txn));
  EXPECT_FALSE(TxnFilter{.to_zxid = zxid - 1}.Selects(txn));
  EXPECT_TRUE((TxnFilter{.since_ms = kTime, .until_ms = kTime}.Selects(txn)));
  EXPECT_FALSE(TxnFilter{.since_ms = kTime + 1}.Selects(txn));
  EXPECT_FALSE(TxnFilter{.until_ms = kTime - 1}.Selects(txn));
}

TEST(TxnTextTest, SessionsHaveNoPath) {
  const std::string payload =
      Payload(OpCode::kCreateSession, jute::CreateSessionTxn{4000});
  EXPECT_FALSE(TxnFilter{.path = "/"}.Selects(DecodePayload(payload)));
}

}  // namespace
}  // namespace paddock::cli

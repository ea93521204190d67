PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES('base_uri','https://sandbox.example/api/openbooking');
INSERT INTO meta VALUES('created','2026-11-24T07:54:32.954745623Z');
INSERT INTO meta VALUES('creator','umpire 0.1.0');
INSERT INTO meta VALUES('redaction','secrets');
CREATE TABLE exchange (
  n INTEGER PRIMARY KEY,
  id INTEGER NOT NULL,
  connection INTEGER NOT NULL,
  started TEXT NOT NULL,
  sent_ns INTEGER,
  first_byte_ns INTEGER,
  total_ns INTEGER NOT NULL,
  origin TEXT NOT NULL,
  method TEXT NOT NULL,
  target TEXT NOT NULL,
  status INTEGER,
  reason TEXT,
  failure TEXT,
  failure_detail TEXT,
  failure_answered INTEGER,
  request_version TEXT NOT NULL,
  request_headers NOT NULL,
  request_length INTEGER NOT NULL,
  request_end TEXT NOT NULL,
  request_kept INTEGER NOT NULL,
  request_digest BLOB,
  request_packed INTEGER NOT NULL,
  request_body BLOB,
  response_version TEXT,
  response_headers,
  response_length INTEGER,
  response_end TEXT,
  response_kept INTEGER,
  response_digest BLOB,
  response_packed INTEGER,
  response_body BLOB
);
INSERT INTO exchange VALUES(0,23,23,'2026-11-24T07:54:33.173164947Z',20428,88535,122209,'https://sandbox.example','PUT','/api/openbooking/order-quote-templates/d5b4fd4d-2df4-5b08-83d9-594aece2d02d',400,'Bad Request',NULL,NULL,NULL,'HTTP/1.1',replace('host: 127.0.0.1:41709\nauthorization: Bearer umpire:209da67ec28250e8\naccept: application/vnd.openactive.booking+json; version=1\ncontent-type: application/vnd.openactive.booking+json; version=1\ncontent-length: 657\n','\n',char(10)),657,'complete',657,X'ba25c7c127c8d373d9ea916ae8c734ba6013ac48b81688418c771e1216873c63',1,X'28b52ffd6091011d0a0066143e2420ab5607d8bf7dbd8ad2df3bbdfd24636e10e129c1f18ae90b8fe70e9ee9904002c07201320032003400741ec2532b13acc1e122cc4b3b1b2bbf6ee460de4d87992f192ac3ca6b1fe20baf3a2d5eee5a8cca5a2333d7c96b5c87614a3b1f2dfa374f97b88fd2e771b85779c769560c73dc571f5d694579304faf0df77937d7ca8945977beb504e6d72c4641b175b4fda6dcc0c5f9b6ee56791c01971f1151c5cbcf42798f9538b56ade1c50631432a5edc61c43d72fef92c3aff3cbb0024d8244b0c950ac4b03d67e983990e7c6ad4aa62284ac4420bab7385c671a84d8d85165a59c1289885c02140b14830667edc481ebe5a9941a1181a0027936067ba1c5ac13aacf43a19ee71aa1868150017850ef687b93c7bb7682d6c1a6f314b7816dc7e915dcf2888ac068830e4b9069f9ccb363cc91e8543532691ba5ce1171505','HTTP/1.1',replace('content-type: application/vnd.openactive.booking+json; version=1\ncontent-length: 205\n','\n',char(10)),205,'complete',205,X'94c469406baa30eb0fbc5bab33bfe964b005e784fcd358d69092ae91986ac018',1,X'28b52ffd20cdc50400b24a211f704bd2067022fdbd95a4ec00fb41b284bfe6458866bda8fc5ce79bfeff610611894480f11b28a00b7b567d788106a55657f0e09e34e0d5197507d5f3c9daf8d03659227dc387ad122be14cd596522b463d41b0f197733e9c9849a08a9dfd405e0173f1bd9216445760e3a78755f830820670065b74ee0911c468da4d6cbc0edf43a43044050033857f658221c82384da6c5cca0c');
INSERT INTO exchange VALUES(1,24,24,'2026-11-24T07:54:33.178787093Z',38723,138320,182332,'https://sandbox.example','PUT','/api/openbooking/order-quote-templates/67db0a7f-b903-5e28-9b66-c11a60245b72',400,'Bad Request',NULL,NULL,NULL,'HTTP/1.1',replace('host: 127.0.0.1:41709\nauthorization: Bearer umpire:209da67ec28250e8\naccept: application/vnd.openactive.booking+json; version=1\ncontent-type: application/vnd.openactive.booking+json; version=1\ncontent-length: 501\n','\n',char(10)),501,'complete',501,X'f8b09941c32f99585cf82afaca43996090f2b8a43eb688f7e1b6058716c3f5b8',1,X'28b52ffd60f5009d0800c691372330c9360743062d21cb640d6f404b2162312d550be75d3d8af4f21cc20814112c0c0c402c002c002c007f1cda075fb2eca4cac79d0af8ca8e6479a91213a972ed337cf2a26bf0d2aec55a8a31922c23e511ae4ba42551ba732dd58125dc175faf94ca82c0327a6ce8f9ca9b2a11ab97be75488a1ae506ca3a0a5ba74a013e04bd0319e1a34a9352255c92d143933ee2949bc2167b35ff797601b47bdd1c86afd0b4ceea3f7e33705ff7f338f401974b1e289ac54043a03058f0f54d969b0c3820100c03922cb511e1b4d905e5e60a7c858f515078c90f49968f1a4cd5b012004105cf45adb8b9b8adb2dbe44bfb9b8681c019d915ed068418525c8363ceb5329ebc8fc236955932c73975c9c22f2a0a','HTTP/1.1',replace('content-type: application/vnd.openactive.booking+json; version=1\ncontent-length: 172\n','\n',char(10)),172,'complete',172,X'9475013654f76bbc30eaa3bbebcda10a87ea7b34f59cf5d0a8e3e097edf99867',0,X'7b2240636f6e74657874223a2268747470733a2f2f6f70656e6163746976652e696f2f222c224074797065223a22496e636f6d706c65746542726f6b657244657461696c734572726f72222c226e616d65223a225468652062726f6b6572206973206d697373696e67206f7220696e636f6d706c657465222c226465736372697074696f6e223a2262726f6b6572206973206d697373696e67222c22737461747573436f6465223a3430307d');
COMMIT;
PRAGMA application_id = 1431130194;
PRAGMA user_version = 1;

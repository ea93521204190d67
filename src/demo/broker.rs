//! The scripted broker: makes the messages of a step, and remembers what the answers said.
//!
//! `harvest → offers by name → C1, C2 → total → B → item ids → cancellation`

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::script::{BrokerRole, Mutation, ScriptCall, ScriptStep};

const CONTEXT: &str = "https://openactive.io/";

/// An offer of the open data, with the session that it books.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    session: String,
    id: String,
    seller: String,
    prepaid: bool,
}

/// Offers by name of the series and name of the offer.
#[derive(Debug, Default)]
pub(super) struct Harvest {
    offers: BTreeMap<(String, String), Offer>,
}

impl Harvest {
    /// Takes in the items of a page of the session feed.
    pub(super) fn take(&mut self, page: &Value) {
        for item in page["items"].as_array().into_iter().flatten() {
            let (session, series) = (&item["data"], &item["data"]["superEvent"]);
            for offer in series["offers"].as_array().into_iter().flatten() {
                let texts =
                    [&session["@id"], &offer["@id"], &series["organizer"]["@id"], &series["name"], &offer["name"]];
                let [Some(session_id), Some(offer_id), Some(seller), Some(series), Some(name)] =
                    texts.map(Value::as_str)
                else {
                    continue;
                };
                let prepaid = offer["openBookingPrepayment"] != "https://openactive.io/Unavailable";
                let found = Offer {
                    session: session_id.to_owned(),
                    id: offer_id.to_owned(),
                    seller: seller.to_owned(),
                    prepaid,
                };
                self.offers.insert((series.to_owned(), name.to_owned()), found);
            }
        }
    }

    /// The offers of a basket; an error names the first that the open data does not have.
    pub(super) fn basket(&self, basket: &[(&str, &str)]) -> Result<Vec<Offer>, String> {
        let find = |(series, offer): &(&str, &str)| {
            let found = self.offers.get(&((*series).to_owned(), (*offer).to_owned()));
            found.cloned().ok_or_else(|| format!("the open data has no offer {offer:?} of {series:?}"))
        };
        basket.iter().map(find).collect()
    }
}

/// What the scripted broker knows while it books.
pub(super) struct BookingSession<'s> {
    pub(super) step: &'s ScriptStep,
    basket: Vec<Offer>,
    /// Total of the latest quote.
    total: Option<Value>,
    /// Identifier of the first item booked.
    first_item: Option<String>,
}

impl<'s> BookingSession<'s> {
    pub(super) fn new(step: &'s ScriptStep, basket: Vec<Offer>) -> Self {
        Self { step, basket, total: None, first_item: None }
    }

    /// Remembers what an answer says that later calls need.
    pub(super) fn learn(&mut self, call: ScriptCall, answer: &Value) {
        let total = &answer["totalPaymentDue"];
        if matches!(call, ScriptCall::C1 | ScriptCall::C2) && total.is_object() {
            self.total = Some(json!({
                "@type": "PriceSpecification",
                "price": total["price"],
                "priceCurrency": total["priceCurrency"],
            }));
        }
        if call == ScriptCall::B
            && let Some(id) = answer["orderedItem"][0]["@id"].as_str()
        {
            self.first_item = Some(id.to_owned());
        }
    }

    /// The message of a call with its tweaks; `None` where the call has none.
    pub(super) fn message(&self, call: ScriptCall, tweaks: &[Mutation]) -> Result<Option<Value>, String> {
        let mut message = match call {
            ScriptCall::C1 => self.request("OrderQuote", false),
            ScriptCall::C2 => self.request("OrderQuote", true),
            ScriptCall::B | ScriptCall::UnknownPath | ScriptCall::Post => self.booking(),
            ScriptCall::Cancel => self.cancellation()?,
            ScriptCall::Harvest
            | ScriptCall::Status
            | ScriptCall::OrdersFeed
            | ScriptCall::DeleteQuote
            | ScriptCall::DeleteOrder => return Ok(None),
        };
        for tweak in tweaks {
            apply(*tweak, &mut message);
        }
        Ok(Some(Value::Object(message)))
    }

    fn request(&self, kind: &str, with_customer: bool) -> Map<String, Value> {
        let role = match self.step.role {
            BrokerRole::Agent => "AgentBroker",
            BrokerRole::Reseller => "ResellerBroker",
            BrokerRole::Direct => "NoBroker",
        };
        let mut message = Map::new();
        message.insert("@context".to_owned(), json!(CONTEXT));
        message.insert("@type".to_owned(), json!(kind));
        message.insert("brokerRole".to_owned(), json!(format!("https://openactive.io/{role}")));
        if self.step.role != BrokerRole::Direct {
            message.insert("broker".to_owned(), broker());
        }
        if let Some(first) = self.basket.first() {
            message.insert("seller".to_owned(), json!(first.seller));
        }
        if with_customer && self.step.role != BrokerRole::Reseller {
            message.insert("customer".to_owned(), customer());
        }
        let items = self.basket.iter().zip(0..).map(|(offer, position)| {
            json!({
                "@type": "OrderItem",
                "position": position,
                "acceptedOffer": offer.id,
                "orderedItem": offer.session,
            })
        });
        message.insert("orderedItem".to_owned(), items.collect());
        if self.basket.iter().any(|offer| offer.prepaid) {
            message.insert("payment".to_owned(), payment());
        }
        message
    }

    fn booking(&self) -> Map<String, Value> {
        let mut message = self.request("Order", true);
        if let Some(total) = &self.total {
            message.insert("totalPaymentDue".to_owned(), total.clone());
        }
        if let Some(payment) = message.get_mut("payment") {
            payment["identifier"] = json!(format!("capture-{}", self.step.name));
        }
        message
    }

    fn cancellation(&self) -> Result<Map<String, Value>, String> {
        let item = self.first_item.as_deref().ok_or("nothing was booked that could be cancelled")?;
        let mut message = Map::new();
        message.insert("@context".to_owned(), json!(CONTEXT));
        message.insert("@type".to_owned(), json!("Order"));
        message.insert(
            "orderedItem".to_owned(),
            json!([{
                "@type": "OrderItem",
                "@id": item,
                "orderItemStatus": "https://openactive.io/CustomerCancelled",
            }]),
        );
        Ok(message)
    }
}

fn broker() -> Value {
    json!({
        "@type": "Organization",
        "name": "Weekend Finder",
        "url": "https://weekend-finder.example/",
        "email": "bookings@weekend-finder.example",
        "telephone": "01632 960303",
        "logo": { "@type": "ImageObject", "url": "https://weekend-finder.example/logo.png" },
        "sameAs": ["https://social.example/weekend-finder"],
    })
}

fn customer() -> Value {
    json!({
        "@type": "Person",
        "email": "ida.marlowe@mail.example",
        "givenName": "Ida",
        "familyName": "Marlowe",
        "telephone": "01632 960404",
        "identifier": "customer-4711",
    })
}

fn payment() -> Value {
    json!({
        "@type": "Payment",
        "name": "Weekend Finder card payments",
        "accountId": "WF-2201",
        "paymentProviderId": "EXAMPLEPAY",
    })
}

fn apply(tweak: Mutation, message: &mut Map<String, Value>) {
    match tweak {
        Mutation::Without(property) => {
            message.shift_remove(property);
        }
        Mutation::NoEmail => without(message.get_mut("customer"), "email"),
        Mutation::OnlyEmail => {
            message.insert("customer".to_owned(), json!({ "@type": "Person", "email": "someone@mail.example" }));
        }
        Mutation::NoBrokerName => without(message.get_mut("broker"), "name"),
        Mutation::AddBroker => {
            message.insert("broker".to_owned(), broker());
        }
        Mutation::AddCustomer => {
            message.insert("customer".to_owned(), customer());
        }
        Mutation::AddPayment => {
            let mut payment = payment();
            payment["identifier"] = json!("capture-needless");
            message.insert("payment".to_owned(), payment);
        }
        Mutation::NoPaymentIdentifier => without(message.get_mut("payment"), "identifier"),
        Mutation::NoOffer => without(first_item(message), "acceptedOffer"),
        Mutation::UnknownOpportunity => {
            if let Some(item) = first_item(message)
                && let Some(session) = item["orderedItem"].as_str()
            {
                item["orderedItem"] = json!(format!("{session}-that-never-was"));
            }
        }
        Mutation::Total(pence) => {
            let price = json!(pence as f64 / 100.0);
            let total = json!({ "@type": "PriceSpecification", "price": price, "priceCurrency": "GBP" });
            message.insert("totalPaymentDue".to_owned(), total);
        }
        Mutation::Type(kind) => {
            message.insert("@type".to_owned(), json!(kind));
        }
        Mutation::ExcessiveProperty => {
            message.insert("orderNumber".to_owned(), json!("1"));
        }
        Mutation::AnotherStatus => {
            if let Some(item) = first_item(message) {
                item["orderItemStatus"] = json!("https://openactive.io/SellerCancelled");
            }
        }
        // These concern how the message is sent.
        Mutation::CutOff | Mutation::NoAuthorization | Mutation::PlainJson => {}
    }
}

fn first_item(message: &mut Map<String, Value>) -> Option<&mut Value> {
    message.get_mut("orderedItem")?.get_mut(0)
}

fn without(object: Option<&mut Value>, property: &str) {
    if let Some(object) = object.and_then(Value::as_object_mut) {
        object.shift_remove(property);
    }
}

use secrecy::SecretString;
pub struct AccessKey; impl AccessKey { pub fn new(_:String,_:SecretString,_:Option<SecretString>)->Self{Self} pub fn from(self,_:String)->Self{self} }
pub struct Token; impl Token { pub fn new(_:SecretString,_:String)->Self{Self} }
pub struct Login; impl Login { pub fn new(_:User,_:SecretString,_:String)->Self{Self} }
pub enum User { Id(String), Name{name:String, account: Account} }
pub enum Account { Id(String), Name(String) }
pub enum Credential { Key(AccessKey), Token(Token), Password(Login) }
